import type { Source } from '../../api/source';
import { changeName } from '../data/changes';

/** The parts of a provenance line: model · precision · cache format · engine (form, device) · run · changes · hook, and whether it was recaptured. */
export function provenance(source: Source, hook: string): string[] {
  const { model, engine, id, request, captures } = source.manifest;
  const kv = request.kv_cache ?? request.precision_plan?.kv_cache;
  const again = captures.some((c) => c.hook === hook && c.recapture != null);
  return [
    model.slug,
    engine.precision,
    ...(kv ? [`cache ${kv.key === kv.value ? kv.key : `${kv.key}/${kv.value}`}`] : []),
    ...(request.precision_plan?.simulate ?? []).map((s) => `${s.modules} decoded from ${s.scheme}`),
    `${engine.name} ${engine.version} (${engine.form}, ${engine.device})`,
    `run ${id}`,
    ...(request.interventions ?? []).map((i) => `changed: ${changeName(i)}`),
    again ? `${hook} (read again)` : hook,
  ];
}
