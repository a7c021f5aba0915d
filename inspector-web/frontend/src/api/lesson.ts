import { Problem } from './problem';
import { dataOf, parseMetadata } from './tensor';

/**
 * Lesson is this page sent as files: one recorded run, some chapters, and no server. Its lesson.js stands before the page's
 * own script and says what is in it; a file of data is a script too, because a page opened from a folder may fetch nothing.
 */
export interface Lesson {
  /** When it was made. */
  made: string;
  /** Of the program that made it. */
  version: string;
  /** Folders of the chapters that are in it. */
  chapters: string[];
  /** Files of the recording, beside run.json. */
  files: string[];
  /** A file's packed bytes in base64; each of data/ puts its own here. */
  data: { [file: string]: string };
}

declare global {
  var LESSON: Lesson | undefined;
}

/** Null on a page that has a server. */
export const lesson: Lesson | null = globalThis.LESSON ?? null;

/** Before the name of a file of the lesson, where else a recording has an address. */
export const IN_LESSON = 'lesson:';

/** What leads on from what a recording lacks, as the beginning of a sentence. */
export const RUN_IT = lesson ? 'Open this model in LLM Inspector' : 'Press Run';

/** The address that the lines under 'get this data' speak to. */
export const ORIGIN = lesson || typeof location === 'undefined' ? 'http://127.0.0.1:7070' : location.origin;

/** Said where a lesson has nothing to show. */
export function needsServer(where: string): Problem {
  return new Problem({
    title: 'this needs a server, and a lesson has none',
    status: 404,
    where,
    instead: 'open this model in LLM Inspector: there a live run has it',
  });
}

/** A file of the lesson, as it was packed. */
export async function fileOfLesson(name: string): Promise<ArrayBuffer> {
  const data = (globalThis.LESSON as Lesson).data;
  if (data[name] === undefined) await script(`data/${name}.js`);
  const text = atob(data[name]);
  delete data[name]; // who asked keeps what comes out
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

/** A lesson's tensors are packed in planes: all first bytes of the float32s, then all second ones. As safetensors has them. */
export function joined(file: ArrayBuffer): ArrayBuffer {
  const planes = Number(parseMetadata(file).planes ?? 1);
  if (planes === 1) return file;
  const whole = file.slice(0);
  const from = new Uint8Array(file, dataOf(file));
  const to = new Uint8Array(whole, dataOf(file));
  const n = from.length / planes;
  for (let plane = 0; plane < planes; plane++) {
    for (let i = 0; i < n; i++) to[i * planes + plane] = from[plane * n + i];
  }
  return whole;
}

function script(src: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const element = document.createElement('script');
    element.src = src;
    element.onload = () => resolve();
    element.onerror = () =>
      reject(
        new Problem({
          title: 'a file of the lesson is missing',
          status: 404,
          where: src,
          instead: 'copy the whole folder',
        }),
      );
    document.head.append(element);
  });
}
