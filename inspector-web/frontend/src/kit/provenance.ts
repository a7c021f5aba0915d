import type { Source } from '../api/source';
import { changeName } from './changes';

/** model · precision · engine (form) · device · run · changes · hook, and whether it was read again for the hook. */
export function provenance(source: Source, hook: string): string[] {
  const { model, engine, id, request, captures } = source.manifest;
  const again = captures.some((c) => c.hook === hook && c.extension != null);
  return [
    model.slug,
    engine.precision,
    ...(request.precision_plan?.simulate ?? []).map((s) => `${s.modules} decoded from ${s.scheme}`),
    `${engine.name} ${engine.version} (${engine.form}, ${engine.device})`,
    `run ${id}`,
    ...(request.interventions ?? []).map((i) => `changed: ${changeName(i)}`),
    again ? `${hook} (read again)` : hook,
  ];
}
