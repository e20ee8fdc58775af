import type { Api } from '../api/client.ts';

const TYPE = 'application/x-safetensors';

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

  pack(cell: string): Promise<string> {
    return this.passing(async (id) => {
      await this.api.post('v1/checkpoints', { id, cells: [cell] });
      const file = await this.api.blob(`v1/checkpoints/${id}/content`, TYPE);
      return textOf(new Uint8Array(await file.arrayBuffer()));
    });
  }

  /** Makes the cell of the file again, under its id. */
  unpack(text: string): Promise<void> {
    return this.passing(async (id) => {
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

  private async passing<T>(work: (checkpoint: string) => Promise<T>): Promise<T> {
    this.checkpoint = `learn-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`;
    try {
      return await work(this.checkpoint);
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
