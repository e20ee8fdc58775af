import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { findProgram } from '../../scripts/programs.ts';
import { temporaryDirectory } from './support.ts';

export const OPENSSL = findProgram('openssl');

export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate that vouches for itself, made for this test. */
export function makeCertificate(names: string): Certificate {
  const directory = temporaryDirectory();
  const [certificate, key] = ['certificate.pem', 'key.pem'].map((file) => join(directory, file));
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const subject = ['-subj', '/CN=cellstep test', '-addext', `subjectAltName=${names}`];
  const files = ['-keyout', key, '-out', certificate];
  execFileSync(OPENSSL!, ['req', '-x509', ...curve, ...subject, ...files], { stdio: 'pipe' });
  return { certificate, key };
}
