/** Chapter 15's state: the matrix, the cell and the scheme on show, what is lost, and what the model then writes. */
import { untrack } from 'svelte';
import type { Source } from '../../api/source';
import type { QuantizationReport, TensorEntry } from '../../api/types';
import { api } from '../../api/client';
import { resource } from '../../kit/data/resource.svelte';
import { models } from '../../state/models.svelte';
import { run } from '../../state/run.svelte';
import { DEFAULTS } from '../../state/url';
import { bitsShown, cannotShow, READABLE, sizesOf, SMALL, whyChosen } from './model';
import { Stage } from '../stage.svelte';
import {
  ALL_BITS,
  blockOf,
  largestOf,
  modelSizes,
  outliers,
  planOf,
  POINTS,
  reportOf,
  sameBits,
  schemeName,
  schemesFor,
  SHARES,
  sliceOf,
  statisticsOf,
  windowAround,
  worstOf,
  type How,
} from './asks';
import { atMost, inFewBits, lossOf, sliceFrom } from './cells';
import { PARAMS } from './index';
import { firstChange, parting, Written } from './written.svelte';

async function matricesOf(from: Source, small: boolean, signal: AbortSignal) {
  const { slug: of } = from.manifest.model;
  if (small) {
    const report = await from.ask(reportOf(of), signal);
    return { of: from, rows: report.weights.filter((w) => w.quantized), worst: worstOf(report), report };
  }
  const rows = (await api.tensors(of, signal)).filter((t) => t.shape.length === 2).flatMap(rowOf);
  const middle = Math.floor(from.manifest.model.n_layers / 2);
  const one = rows.find((r) => r.name === `blocks.${middle}.mlp.out.weight`) ?? rows[0] ?? null;
  return { of: from, rows, worst: one, report: null };
}

/** A tensor that is one weight, as a report would list it but for what is lost. */
const rowOf = (t: TensorEntry): QuantizationReport['weights'] =>
  t.weights.length === 1
    ? [
        {
          name: t.weights[0],
          tensor: t.name,
          format: t.format,
          shape: t.shape,
          quantized: true,
          stored_bytes: t.bytes,
          bytes: t.bytes,
          bits_per_weight: 0,
        },
      ]
    : [];

async function outliersOf(from: Source, signal: AbortSignal) {
  const { id, model } = from.manifest;
  const hidden = (point: string) => models.hidden(model.slug, `blocks.0.${point}`) !== undefined;
  const points = POINTS.filter(([point]) => from.recorded || !hidden(point));
  if (!from.recorded) await from.need(points.map(([point]) => `blocks.*.${point}`));
  return outliers(id, model.n_layers, points, (ask) => from.ask(ask, signal));
}

export class QuantizationState {
  readonly stage = new Stage(PARAMS);
  readonly written = new Written();
  readonly source = $derived(run.source);
  readonly m = $derived(this.source?.manifest ?? null);
  readonly slug = $derived(this.m?.model.slug ?? '');
  readonly #look = $derived(this.stage.look);
  readonly cannot = $derived(this.m ? cannotShow(models.isExported(this.slug)) : null);
  readonly #parameters = $derived(
    this.source?.recorded ? 0 : (models.list.find((s) => s.slug === this.slug)?.parameters ?? Infinity),
  );
  readonly #live = $derived(
    this.source && !this.cannot && (this.source.recorded || models.loaded) ? this.source : null,
  );

  readonly reports = resource(() => {
    const [from, small] = [this.#live, this.#parameters <= READABLE];
    return from ? (signal) => untrack(() => matricesOf(from, small, signal)) : null;
  });
  readonly #report = $derived(this.reports.value?.of === this.source ? this.reports.value : null);
  readonly row = $derived(
    this.#report ? (this.#report.rows.find((r) => r.name === this.#look.matrix) ?? this.#report.worst) : null,
  );
  readonly names = $derived(
    this.#report
      ? [...this.#report.rows].map((r) => r.name).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      : [],
  );

  // What is written: as it is and in the shown number of bits first, then what else is to be compared.
  readonly #way = $derived({ share: this.#look.share, zero: this.#look.zero });
  readonly #inWay = $derived(schemesFor(this.#way.share, this.#way.zero));
  readonly changed = $derived(
    firstChange(
      this.written.get(null)?.tokens ?? null,
      (bits) => this.written.at({ bits, share: 'group', zero: false })?.tokens ?? null,
    ),
  );
  /** 4, as in most quantized files; fewer where that writes the same. The guess is not given away. */
  readonly #shown = $derived(bitsShown(this.changed));
  readonly how = $derived<How>({ bits: atMost(this.#look.bits) ?? this.#shown, ...this.#way });
  readonly #tryAll = $derived(this.#parameters <= SMALL || this.stage.beat === 1 || this.#look.panel === 'bits');

  readonly statistics = resource(() => {
    const [from, of, schemes] = [this.#live, this.row?.name, this.#inWay];
    return from && of
      ? async (signal) => ({
          of,
          from,
          is: await untrack(() => from.ask(statisticsOf(from.manifest.model.slug, of, schemes), signal)),
        })
      : null;
  });
  readonly stats = $derived(
    this.statistics.value && this.statistics.value.of === this.row?.name && this.statistics.value.from === this.source
      ? this.statistics.value.is
      : null,
  );
  readonly #sized = resource(() => {
    const [from, schemes] = [this.#live, this.#inWay];
    return from
      ? async (signal) => ({
          from,
          is: await untrack(() => from.ask(modelSizes(from.manifest.model.slug, [...schemes, 'fp16']), signal)),
        })
      : null;
  });
  readonly sizes = $derived(this.#sized.value?.from === this.source ? this.#sized.value.is : null);

  readonly #largest = $derived(this.stats ? largestOf(this.stats) : null);
  readonly cell = $derived<[number, number] | null>(
    this.#largest && this.row
      ? [
          Math.min(this.#look.output ?? this.#largest[0], this.row.shape[0] - 1),
          Math.min(this.#look.input ?? this.#largest[1], this.row.shape[1] - 1),
        ]
      : null,
  );
  readonly #around = $derived(this.cell && this.row ? windowAround(this.row.shape, ...this.cell) : null);
  readonly slices = resource(() => {
    const [from, of, at, scheme] = [this.#live, this.row?.name, this.#around, schemeName(this.how)];
    return from && of && at
      ? async (signal) => ({
          of,
          is: sliceFrom(await untrack(() => from.ask(sliceOf(from.manifest.model.slug, of, scheme, at), signal))),
        })
      : null;
  });
  readonly slice = $derived(this.slices.value?.of === this.row?.name ? (this.slices.value?.is ?? null) : null);

  readonly rulers = resource(() => {
    const [from, of, at, { bits, zero }] = [this.#live, this.row?.name, this.#around, this.how];
    return from && of && at && this.#look.panel === 'ruler'
      ? (signal) =>
          Promise.all(
            SHARES.map(async (share) => {
              const ask = sliceOf(from.manifest.model.slug, of, schemeName({ bits, share, zero }), at);
              return { share, slice: sliceFrom(await untrack(() => from.ask(ask, signal))) };
            }),
          )
      : null;
  });
  readonly same = resource(() => {
    const [from, of, bits] = [this.#live, this.row?.name, this.how.bits];
    if (!from || !of || (this.#look.panel !== 'same' && this.#look.panel !== 'ruler')) return null;
    const schemes = sameBits(bits);
    return async (signal) =>
      untrack(async () => ({
        schemes,
        statistics: await from.ask(statisticsOf(from.manifest.model.slug, of, schemes), signal),
        sizes: await from.ask(modelSizes(from.manifest.model.slug, schemes), signal),
      }));
  });
  readonly values = resource(() => {
    const from = this.#live;
    return from && this.#look.panel === 'outliers' ? (signal) => untrack(() => outliersOf(from, signal)) : null;
  });
  readonly block = resource(() => {
    const [from, of, at] = [this.#live, this.row, this.cell];
    return from && of && at && this.#look.panel === 'blocks' && inFewBits(of)
      ? (signal) => untrack(() => from.ask(blockOf(from.manifest.model.slug, of.tensor, ...at), signal))
      : null;
  });

  readonly own = $derived(this.#report?.rows.find((r) => inFewBits(r)) ?? null);
  readonly why = $derived(
    this.row && this.#look.matrix === null
      ? whyChosen(
          this.row.name,
          this.#report?.report ? this.#report.rows.length : null,
          this.#look.bits === null ? this.#shown : null,
        )
      : null,
  );
  /** Fewer bits than those at which it first changes, and yet the same text. */
  readonly again = $derived.by(() => {
    const [asItIs, changed] = [this.written.get(null), this.changed];
    if (!asItIs || !changed) return null;
    const same = (bits: number) => {
      const text = this.written.at({ bits, share: 'group', zero: false });
      return text !== null && parting(asItIs.tokens, text.tokens) === null;
    };
    return ALL_BITS.find((bits) => bits < changed && same(bits)) ?? null;
  });
  readonly atFour = $derived(lossOf(this.stats, schemeName({ bits: 4, ...this.#way })));
  readonly sizesShown = $derived(this.m && this.sizes ? sizesOf(this.sizes) : []);
  readonly compared = $derived({
    engine: 'torch',
    precision: null,
    compare: {
      ...DEFAULTS.compare,
      engine: 'torch',
      precision: 'fp32' as const,
      planB: JSON.stringify({ overrides: [], ...planOf(schemeName(this.how)) }),
    },
  });

  constructor() {
    $effect(() => {
      const from = this.#live;
      if (!from) return;
      const [scheme, all, others] = [
        schemeName(this.how),
        this.#tryAll ? [...schemesFor('group', false), ...this.#inWay] : [],
        this.#look.panel === 'same' ? sameBits(this.how.bits) : [],
      ];
      untrack(() => {
        this.written.of(from);
        this.written.want([...others, ...all]);
        this.written.want([null, scheme], true);
      });
    });
  }
}
