import type { Api } from '../api/client.ts';
import { ApiProblem } from '../api/problem.ts';
import type { Cell, Page } from '../api/types.ts';

const TYPE = 'application/x-safetensors';
/** A tab's storage has some five million characters. A larger network goes on with a new optimizer. */
const MAX_CHARACTERS = 1_500_000;

/**
 * Carries a trained cell over a reload: its weights and what its optimizer remembers, as the text of a file. The service
 * gives both in a checkpoint, which is deleted at once.
 */
export class Packer {
  private readonly api: Api;
  private checkpoint: string | undefined;

  constructor(api: Api) {
    this.api = api;
  }

  /** Undefined where the service refuses checkpoints, for want of room or by the key's scopes, and where the file is large. */
  async pack(cell: string): Promise<string | undefined> {
    const text = await this.passing(async (id) => {
      await this.api.post('v1/checkpoints', { id, cells: [cell] });
      const file = await this.api.blob(`v1/checkpoints/${id}/content`, TYPE);
      return textOf(new Uint8Array(await file.arrayBuffer()));
    });
    return text === undefined || text.length > MAX_CHARACTERS ? undefined : text;
  }

  /** Makes the cell again, if it is gone: a copy of this tab may still train it. */
  async unpack(cell: string, text: string): Promise<void> {
    const { items } = await this.api.get<Page<Cell>>(`v1/cells?prefix=${cell}`);
    if (items.length > 0) return;
    await this.passing(async (id) => {
      const file = new File([bytesOf(text)], `${id}.safetensors`);
      await this.api.json('POST', `v1/checkpoints?id=${id}`, { file, headers: { 'content-type': TYPE } });
      await this.api.post(`v1/checkpoints/${id}/restore`, { create_missing: true });
    });
  }

  /** The page goes, perhaps while the service makes a checkpoint. */
  forget(): void {
    if (this.checkpoint) this.api.forget(`v1/checkpoints/${this.checkpoint}`);
    this.checkpoint = undefined;
  }

  private async passing<T>(work: (checkpoint: string) => Promise<T>): Promise<T | undefined> {
    this.checkpoint = `learn-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`;
    try {
      return await work(this.checkpoint);
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.status === 0) throw error;
      return undefined;
    } finally {
      this.forget();
    }
  }
}

function textOf(bytes: Uint8Array): string {
  let characters = '';
  for (const byte of bytes) characters += String.fromCharCode(byte);
  return btoa(characters);
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
