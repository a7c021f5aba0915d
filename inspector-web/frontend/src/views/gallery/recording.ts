/** The recorded run that the gallery shows. */
import { parseSafetensors, type Tensor } from '../../api/tensor';
import type { RunManifest } from '../../api/types';
import runUrl from './recording/run.json?url';
import lossUrl from '../../../../../model-cache/tales-4m-preferred/loss.csv?url';

const urls = import.meta.glob<string>('./recording/*.gz', { query: '?url', import: 'default', eager: true });

export interface Recorded {
  manifest: RunManifest;
  /** Texts by id. */
  vocabulary: string[];
  tensors: Map<string, Tensor>;
  /** A real loss curve of the repository: how the preferred model was tuned. */
  loss: { step: number[]; loss: number[]; held: { step: number[]; loss: number[] } };
}

async function unpacked(url: string): Promise<ArrayBuffer> {
  const response = await fetch(url);
  if (!response.body) throw new Error(`${url} is empty`);
  // A server may have unpacked it already.
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.buffer;
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
}

export async function recorded(): Promise<Recorded> {
  const [run, csv, ...buffers] = await Promise.all([
    fetch(runUrl).then((r) => r.json() as Promise<{ manifest: RunManifest; vocabulary: string[] }>),
    fetch(lossUrl).then((r) => r.text()),
    ...Object.values(urls).map(unpacked),
  ]);
  const tensors = new Map(buffers.flatMap((b) => [...parseSafetensors(b)]));
  return { manifest: run.manifest, vocabulary: run.vocabulary, tensors, loss: curve(csv) };
}

function curve(csv: string): Recorded['loss'] {
  const [head, ...lines] = csv.trim().split('\n');
  const names = head.split(',');
  const rows = lines.map((line) => line.split(','));
  const column = (name: string) =>
    rows.map((r) => (r[names.indexOf(name)] === '' ? NaN : Number(r[names.indexOf(name)])));
  const [step, loss, held] = [column('step'), column('loss'), column('val_loss')];
  const seen = held.flatMap((v, i) => (Number.isNaN(v) ? [] : i));
  return { step, loss, held: { step: seen.map((i) => step[i]), loss: seen.map((i) => held[i]) } };
}

/** [pos, size] of one head of a [1, pos, head, size] tensor. */
export function ofHead({ shape, data }: Tensor, head: number): Float32Array {
  const [, positions, heads, size] = shape;
  const out = new Float32Array(positions * size);
  for (let p = 0; p < positions; p++)
    out.set(data.subarray((p * heads + head) * size, (p * heads + head + 1) * size), p * size);
  return out;
}
