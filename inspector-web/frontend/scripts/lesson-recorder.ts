/**
 * The program that the server runs to record a run for a lesson: org.llminspector.web.lesson.Recorder gives it `host`, and
 * an engine for JavaScript without fetch and without a page.
 */
import './engine';
import { CHAPTERS } from '../src/chapters/list';
import type { RunManifest } from '../src/api/types';
import { askKey } from '../src/api/source';
import type { Scene } from '../src/state/scene';
import { circuitOf } from '../src/views/lab/circuit/example';
import { VIEWS } from '../src/views/list';
import { fileOf, heldBy, hooksOf, recorded, type Call, type Keep } from './recorder';

declare const host: {
  /** `{run, chapters, max_bytes}`; no chapters: all of them. */
  asked(nothing: string): string;
  /** `{path, body, keep, read}` to `{answer}` or `{problem}`: `keep` is the key under which it is kept, `read` whether it comes here. */
  call(request: string): string;
  /** What the recording is: `{chapters, refused, run}`, or `{problem}`. */
  made(recording: string): string;
};

const ask = async (request: object) => {
  const { answer, problem } = JSON.parse(host.call(JSON.stringify(request)));
  if (problem) throw problem;
  return answer;
};

/** Each head's own write to the stream is as large as all else of a layer together: a lesson goes without. */
const TOO_LARGE = /\.attn\.hook_result$/;

/** A layer's input is the output of the one below: in one file the server keeps both once. */
const STREAM = /^hook_(embed|resid_pre|resid_post)\./;

const call: Call = (path, body) => ask({ path, body, read: true });
const keep: Keep = (key, path, body, read) => ask({ path, body, keep: key, read });

async function record() {
  const asked = JSON.parse(host.asked('')) as { run: string; chapters: string[] | null; max_bytes: number };
  const known = CHAPTERS.filter((c) => c.record !== null);
  const chosen = asked.chapters
    ? asked.chapters.map((name) => {
        const found = known.find((c) => c.folder === name || String(c.number) === name);
        if (!found) {
          const chapters = known.map((c) => c.folder).join(', ');
          throw {
            what: 'there is no such chapter',
            where: 'chapters',
            expected: `a number, or ${chapters}`,
            found: name,
          };
        }
        return found;
      })
    : known;
  const scenes: Scene[] = [...VIEWS.flatMap((v) => v.scene ?? []), ...chosen.flatMap((c) => c.record ?? [])];
  const at = `/runs/${encodeURIComponent(asked.run)}`;
  let manifest = await call<RunManifest>(at, null);
  const capture = await hooksOf(scenes, manifest.model.slug, call);
  // All of it in one reading, where it is small: else the tokens are read again for each thing that is asked about later.
  const read = (what: string[]) => call<RunManifest>(`${at}/captures`, { capture: what, max_bytes: asked.max_bytes });
  if (capture.length > 0) manifest = await read(['*']).catch(() => read(capture));
  const refused: string[] = [];
  const rest = await recorded(scenes, manifest, call, keep, (path, why) =>
    refused.push(`${path} ${JSON.stringify(why)}`),
  );
  const circuit = circuitOf(manifest.model.slug);
  if (circuit) await keep(askKey(circuit), circuit.path, circuit.body, false);
  manifest = { ...manifest, captures: manifest.captures.filter((c) => !TOO_LARGE.test(c.hook)) };
  const files: { [hook: string]: string } = {};
  for (const hook of heldBy(scenes, manifest)) files[hook] = fileOf(hook).replace(STREAM, 'stream.');
  return { chapters: chosen.map((c) => c.folder), refused, run: { manifest, kv_steps: null, ...rest, files } };
}

record()
  .then((made) => host.made(JSON.stringify(made)))
  .catch((problem) =>
    host.made(JSON.stringify({ problem: problem?.what ? problem : { what: `${problem?.stack ?? problem}` } })),
  );
