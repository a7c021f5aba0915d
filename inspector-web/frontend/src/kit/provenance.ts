import type { Source } from '../api/source';

/** model · precision · engine (form) · device · run · hook */
export function provenance(source: Source, hook: string): string[] {
  const { model, engine, id } = source.manifest;
  return [
    model.slug,
    engine.precision.toLowerCase(),
    `${engine.name} ${engine.version} (${engine.form}, ${engine.device})`,
    `run ${id}`,
    hook,
  ];
}
