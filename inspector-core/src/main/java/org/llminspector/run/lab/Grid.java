package org.llminspector.run.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookPresence;
import org.llminspector.hook.HookShape;
import org.llminspector.run.lab.side.Patch;
import org.llminspector.run.request.AnalysisRequest.By;
import org.llminspector.spec.DecoderSpec;

/**
 * The places of one hook point that an analysis changes one at a time: layers by positions, by heads, or by groups of channels.
 *
 * @param axes {@code layer}, then of {@code head}, {@code channels} and {@code pos} what it is by
 * @param shape its size along each axis
 * @param positions the prompt positions of its last axis
 * @param places in row-major order; null in a layer without the point
 */
record Grid(
        HookPoint point,
        By by,
        List<String> axes,
        List<Integer> shape,
        List<Integer> layers,
        List<Integer> positions,
        List<Place> places) {

    /** Groups of channels. */
    static final int GROUPS = 16;

    /** One place; null means all along that axis. */
    record Place(HookId hook, Integer head, Integer pos, List<Integer> features) {

        Patch patch(Tensor source) {
            return new Patch(
                    hook, source, head == null ? null : List.of(head), pos == null ? null : List.of(pos), features);
        }
    }

    static Grid of(DecoderSpec spec, HookPoint point, By by, List<Integer> layers, List<Integer> positions, int n) {
        int[] where = check(layers, spec.nLayers(), "layers");
        int[] at = check(positions, n, "positions");
        boolean heads = by == By.HEAD || by == By.HEAD_POSITION;
        boolean pos = by == By.POSITION || by == By.HEAD_POSITION;
        if (!point.layered() || point.positionAxis() < 0) throw unfit(point, "a hook point of a layer");
        if (heads && point.axisIndex(Axis.HEAD) < 0)
            throw unfit(point, "a hook point with heads, such as attn.hook_z, or by: position");
        if (IntStream.of(where).noneMatch(i -> HookPresence.of(point, spec, i))) {
            throw Problem.unsupported("no layer of this model has the hook point")
                    .where("points: " + point.template())
                    .instead("GET /models/{slug}/hooks or `inspector hooks` lists the hooks it has");
        }
        int nHeads = 0;
        for (int i : where) {
            if (heads && HookPresence.of(point, spec, i))
                nHeads = Math.max(nHeads, size(spec, point, i, point.axisIndex(Axis.HEAD)));
        }
        List<Place> places = new ArrayList<>();
        for (int i : where) {
            HookId hook = HookId.of(point, i);
            boolean has = HookPresence.of(point, spec, i);
            int own = has && heads ? size(spec, point, i, point.axisIndex(Axis.HEAD)) : 0;
            int width = has ? size(spec, point, i, point.axes().size() - 1) : 0;
            for (int h = 0; h < (heads ? nHeads : by == By.CHANNELS ? GROUPS : 1); h++) {
                boolean there = has && (!heads || h < own);
                List<Integer> features = by == By.CHANNELS && there ? group(h, width) : null;
                for (int p : pos ? at : new int[] {-1}) {
                    Place place = new Place(hook, heads ? (Integer) h : null, pos ? (Integer) p : null, features);
                    places.add(there && (features == null || !features.isEmpty()) ? place : null);
                }
            }
        }
        List<String> axes = new ArrayList<>(List.of("layer"));
        List<Integer> shape = new ArrayList<>(List.of(where.length));
        if (heads) axes.add("head");
        if (heads) shape.add(nHeads);
        if (by == By.CHANNELS) axes.add("channels");
        if (by == By.CHANNELS) shape.add(GROUPS);
        if (pos) axes.add("pos");
        if (pos) shape.add(at.length);
        return new Grid(
                point,
                by,
                axes,
                shape,
                IntStream.of(where).boxed().toList(),
                pos ? IntStream.of(at).boxed().toList() : null,
                places);
    }

    private static List<Integer> group(int g, int width) {
        return IntStream.range(g * width / GROUPS, (g + 1) * width / GROUPS)
                .boxed()
                .toList();
    }

    private static int size(DecoderSpec spec, HookPoint point, int layer, int axis) {
        return (int) HookShape.of(point, spec, layer, 1, 1)[axis];
    }

    private static int[] check(List<Integer> picked, int size, String where) {
        if (picked == null) return IntStream.range(0, size).toArray();
        int[] out = new int[picked.size()];
        for (int i = 0; i < out.length; i++) {
            Integer asked = picked.get(i);
            int v = asked == null ? size : asked < 0 ? asked + size : asked;
            if (v < 0 || v >= size)
                throw Problem.invalid("there is no such index")
                        .where(where)
                        .expected("0 to " + (size - 1))
                        .found(asked);
            out[i] = v;
        }
        if (out.length == 0) throw Problem.invalid("the list is empty").where(where);
        return out;
    }

    private static Problem unfit(HookPoint point, String expected) {
        return Problem.invalid("the hook point has no such places")
                .where("points: " + point.template())
                .expected(expected)
                .found("axes " + point.axes().stream().map(Axis::label).toList());
    }

    /** The sum of an elementwise product over each place, in the order of {@link #places}; NaN where there is none. */
    double[] sums(java.util.function.Function<HookId, Tensor> products) {
        double[] sums = new double[places.size()];
        HookId read = null;
        float[] values = new float[0];
        long[] size = new long[0];
        for (int i = 0; i < sums.length; i++) {
            Place place = places.get(i);
            if (place == null) {
                sums[i] = Double.NaN;
                continue;
            }
            if (!place.hook().equals(read)) {
                read = place.hook();
                Tensor product = products.apply(read);
                values = product.toFloats();
                size = product.shape();
            }
            sums[i] = sum(place, values, size);
        }
        return sums;
    }

    private double sum(Place place, float[] values, long[] size) {
        int head = point.axisIndex(Axis.HEAD);
        int pos = point.positionAxis();
        int last = size.length - 1;
        double sum = 0;
        for (int i = 0; i < values.length; i++) {
            int rest = i;
            boolean in = true;
            for (int a = last; a >= 0 && in; a--) {
                int at = (int) (rest % size[a]);
                rest /= (int) size[a];
                if (a == head && place.head() != null) in = at == place.head();
                if (a == pos && place.pos() != null) in &= at == place.pos();
                if (a == last && place.features() != null)
                    in &= place.features().contains(at);
            }
            if (in) sum += values[i];
        }
        return sum;
    }
}
