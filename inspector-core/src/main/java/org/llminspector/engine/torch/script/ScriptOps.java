package org.llminspector.engine.torch.script;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.llminspector.engine.layer.PlainOps;
import org.llminspector.engine.layer.Routes;
import org.llminspector.engine.layer.Tap;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Attention;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Norm;
import org.llminspector.spec.QueryScale;
import org.llminspector.spec.Rope;

/**
 * The operations of a layer as lines of TorchScript, one for each; a value is a variable of the method.
 *
 * <p>Values that are only views (heads, transpositions) are written when a line first reads them, so that one undoes the
 * other for nothing.
 */
public abstract class ScriptOps implements PlainOps<String> {

    /** A value whose line is not written yet: {@code of} is the value that it is made from. */
    private record Pending(String of, String line, int[] axes) {}

    private final StringBuilder text = new StringBuilder();
    private final Map<String, Integer> references = new LinkedHashMap<>();
    private Map<String, Pending> pending = new HashMap<>();
    private final Set<String> headed = new HashSet<>();
    private String indent = "";
    private int values;

    /** Names of the weights that the lines read as {@code w[i]}, in order. */
    public final List<String> weightNames() {
        return List.copyOf(references.keySet());
    }

    /** The lines written so far. */
    public final String text() {
        return text.toString();
    }

    protected final void line(String line) {
        text.append(indent).append(line).append('\n');
    }

    /** Writes the lines of a branch under its condition. */
    protected final void branch(String condition, Runnable lines) {
        Map<String, Pending> outside = pending;
        pending = new HashMap<>(outside); // what a branch writes is no variable outside of it
        line(condition);
        indent += "  ";
        lines.run();
        indent = indent.substring(2);
        pending = outside;
    }

    /** Writes a line for a new value; each %s is a value that it reads. */
    protected final String let(String expression, Object... reads) {
        String line = String.format(
                Locale.ROOT,
                expression,
                Arrays.stream(reads)
                        .map(r -> r instanceof String v ? use(v) : r)
                        .toArray());
        String name = name();
        line(name + " = " + line);
        return name;
    }

    private String name() {
        return "v" + values++;
    }

    /** A value that a line may read. */
    protected final String use(String value) {
        Pending p = pending.remove(value);
        if (p != null) line(value + " = " + String.format(Locale.ROOT, p.line(), use(p.of())));
        return value;
    }

    /** A value whose line is written when another first reads it; its %s is the value that it is made from. */
    protected final String later(String of, String line, int... axes) {
        String name = name();
        pending.put(name, new Pending(of, line, axes));
        return name;
    }

    /** The value that one is made from whose line is not written yet, else null. */
    protected final String source(String value) {
        Pending p = pending.get(value);
        return p == null ? null : p.of();
    }

    /** The expression for a weight. */
    protected String reference(String name) {
        return "w[" + references.computeIfAbsent(name, n -> references.size()) + "]";
    }

    @Override
    public String weight(String name) {
        return reference(name);
    }

    @Override
    public String number(double value) {
        return Double.toString(value);
    }

    @Override
    public String matmul(String a, String b) {
        return let("torch.matmul(%s, %s)", a, b);
    }

    @Override
    public String apply(Fn2 f, String a, String b) {
        boolean number = f == Fn2.MIN && b.matches("-?[0-9].*");
        String operator =
                number ? "clamp_max" : f == Fn2.MIN ? "minimum" : f.name().toLowerCase(Locale.ROOT);
        return let("torch." + operator + "(%s, %s)", a, b);
    }

    @Override
    public String apply(Fn f, String x) {
        if (f == Fn.GELU_TANH) return let("torch.gelu(%s, approximate=\"tanh\")", x);
        return let("torch." + f.name().toLowerCase(Locale.ROOT) + "(%s)", x);
    }

    @Override
    public String swish(String x, double beta) {
        return beta == 1 ? let("torch.silu(%s)", x) : PlainOps.super.swish(x, beta);
    }

    @Override
    public String clip(String x, double least, double most) {
        return let("torch.clamp(%s, " + least + ", " + most + ")", x);
    }

    @Override
    public String whereAbove(String x, double threshold, String a, String b) {
        return let("torch.where(torch.gt(%s, " + threshold + "), %s, %s)", x, a, b);
    }

    @Override
    public String sum(String x, int axis) {
        return let("torch.sum(%s, [" + axis + "])", x);
    }

    @Override
    public String mean(String x) {
        return let("torch.mean(%s, [-1], True)", x);
    }

    @Override
    public String softmax(String x) {
        return let("torch.softmax(%s, -1)", x);
    }

    @Override
    public String norm(String x, Norm norm, String module, int width) {
        String weight = norm.weight() && has(module + ".weight") ? weight(module + ".weight") : "None";
        if (norm.kind() == Norm.Kind.RMS) {
            String y = let("torch.rms_norm(%s, [" + width + "], " + weight + ", " + norm.eps() + ")", x);
            return norm.bias() && has(module + ".bias") ? add(y, weight(module + ".bias")) : y;
        }
        String bias = norm.bias() && has(module + ".bias") ? weight(module + ".bias") : "None";
        return let("torch.layer_norm(%s, [" + width + "], " + weight + ", " + bias + ", " + norm.eps() + ")", x);
    }

    @Override
    public String norm(
            String x,
            Norm norm,
            String module,
            int width,
            HookPoint scale,
            HookPoint normalized,
            int layer,
            Tap<String> tap) {
        return norm(x, norm, module, width);
    }

    @Override
    public String reshape(String x, long... sizes) {
        return let("torch.reshape(%1$s, [" + sizes(sizes) + "])", x);
    }

    private static String sizes(long... sizes) {
        return IntStream.range(0, sizes.length)
                .mapToObj(i -> sizes[i] == 0 ? "torch.size(%1$s, " + i + ")" : Long.toString(sizes[i]))
                .collect(Collectors.joining(", "));
    }

    @Override
    public String heads(String x, int heads, int width) {
        return headed(x, "torch.reshape(%1$s, [" + sizes(0, -1, heads, width) + "])");
    }

    /** A view of heads, which {@link #flat} undoes. */
    protected final String headed(String flat, String line) {
        String heads = later(flat, line);
        headed.add(heads);
        return heads;
    }

    @Override
    public String flat(String x, int heads, int width) {
        return headed.contains(x) && source(x) != null ? source(x) : reshape(x, 0, -1, (long) heads * width);
    }

    @Override
    public String transpose(String x, int... axes) {
        Pending p = pending.get(x);
        boolean twice = p != null && p.axes().length == axes.length;
        int[] whole = twice ? Arrays.stream(axes).map(a -> p.axes()[a]).toArray() : axes;
        String of = twice ? p.of() : x;
        if (IntStream.range(0, whole.length).allMatch(i -> whole[i] == i)) return of;
        return later(of, "torch.permute(%s, " + Arrays.toString(whole) + ")", whole);
    }

    @Override
    public String concat(int axis, List<String> parts) {
        String reads = String.join(", ", parts.stream().map(p -> "%s").toList());
        return let("torch.cat([" + reads + "], " + axis + ")", parts.toArray());
    }

    @Override
    public String slice(String x, int axis, long from, long to) {
        return let("torch.slice(%s, " + axis + ", " + from + (to == END ? "" : ", " + to) + ")", x);
    }

    @Override
    public String expand(String x, String like, int... axes) {
        String[] sizes = {"-1", "-1", "-1", "-1"};
        for (int axis : axes) sizes[axis] = "torch.size(%2$s, " + axis + ")";
        return let("torch.expand(%1$s, [" + String.join(", ", sizes) + "])", x, like);
    }

    /** The state that a method's steps go on from, [1, head, d_head, d_state], written in place. */
    protected String recurrentState(int layer) {
        throw none("a recurrence");
    }

    @Override
    public String state(int layer) {
        return let(recurrentState(layer));
    }

    @Override
    public void keepState(int layer, String state) {
        line("torch.copy_(" + recurrentState(layer) + ", " + use(state) + ")");
    }

    @Override
    public List<String> byLength(int least, List<String> reads, Values<String> few, Values<String> many) {
        List<String> all = reads.stream().map(this::use).toList();
        List<String> made = new ArrayList<>();
        branch("if torch.size(" + all.get(0) + ", 1) < " + least + ":", () -> few.of(all)
                .forEach(x -> {
                    made.add(name());
                    line(made.get(made.size() - 1) + " = " + use(x));
                }));
        branch("else:", () -> {
            List<String> out = many.of(all);
            for (int i = 0; i < made.size(); i++) line(made.get(i) + " = " + use(out.get(i)));
        });
        return made;
    }

    @Override
    public String padded(String x, int multiple) {
        String after = let("torch.remainder(torch.neg(torch.size(%s, 1)), " + multiple + ")", x);
        return let(
                "torch.cat([%1$s, torch.new_zeros(%1$s, [1, " + after + "] + torch.slice(torch.size(%1$s), 2))], 1)",
                x);
    }

    @Override
    public String trimmed(String x, String like) {
        return let("torch.slice(%s, 1, 0, torch.size(%s, 1))", x, like);
    }

    @Override
    public String count(int count, String like) {
        return let("torch.sub(torch.cumsum(torch.new_ones(%s, [" + count + "]), 0), 1)", like);
    }

    @Override
    public List<String> scan(String before, List<String> over, Step<String> step) {
        List<String> all = over.stream().map(this::use).toList();
        String state = let("%s", before);
        String collected = name();
        List<String> parts = new ArrayList<>();
        String at = "t" + collected;
        int head = text.length();
        branch("for " + at + " in range(torch.size(" + all.get(0) + ", 1)):", () -> {
            List<String> out = step.at(
                    state,
                    all.stream()
                            .map(x -> let("torch.select(" + x + ", 1, " + at + ")"))
                            .toList());
            for (int i = 1; i < out.size(); i++) {
                parts.add(collected + "_" + i);
                line("torch.append(" + collected + "_" + i + ", " + use(out.get(i)) + ")");
            }
            line(state + " = " + use(out.get(0)));
        });
        parts.forEach(part -> text.insert(head, indent + part + ": List[Tensor] = []\n"));
        List<String> out = new ArrayList<>(List.of(state));
        parts.forEach(part -> out.add(let("torch.stack(" + part + ", 1)")));
        return out;
    }

    @Override
    public List<String> topK(String x, int k) {
        List<String> names = new ArrayList<>(List.of(name(), name()));
        line(String.format(Locale.ROOT, "%s, %s = torch.topk(%s, %d, -1)", names.get(0), names.get(1), use(x), k));
        return names;
    }

    @Override
    public String gather(String x, String indices) {
        return let("torch.gather(%s, -1, %s)", x, indices);
    }

    @Override
    public String oneHot(String indices, int count) {
        return let("torch.to(torch.one_hot(%s, " + count + "), 6)", indices); // 6 is float32
    }

    @Override
    public String asNumbers(String indices) {
        return let("torch.to(%s, 6)", indices);
    }

    @Override
    public String asIndices(String numbers) {
        return let("torch.to(%s, 4)", numbers); // int64
    }

    /**
     * Rotates by tables [pos, 1, dims] of cos and signed sin: x cos + (second half, first half) sin, with sin negative
     * in the first half.
     *
     * @param width of a head
     */
    protected final String rotated(String x, Rope rope, int width, String cos, String sin) {
        int dims = rope.rotaryDims();
        String first = slice(x, 3, 0, dims / 2);
        String second = slice(x, 3, dims / 2, dims);
        String part = dims < width ? slice(x, 3, 0, dims) : x;
        String swapped = concat(3, List.of(second, first));
        String turned = add(mul(part, cos), mul(swapped, sin));
        return dims < width ? concat(3, List.of(turned, slice(x, 3, dims, END))) : turned;
    }

    // What only some methods have.

    private static IllegalStateException none(String what) {
        return new IllegalStateException("no TorchScript of a layer has " + what);
    }

    @Override
    public Routes<String> routes(String indices, Experts experts) {
        throw none("experts");
    }

    @Override
    public String firstPosition() {
        throw none("positions");
    }

    @Override
    public String embedding(String ids) {
        throw none("an embedding");
    }

    @Override
    public String rows(String table, String ids) {
        throw none("a table of tokens");
    }

    @Override
    public String keysOf(int layer) {
        throw none("keys of another layer");
    }

    @Override
    public String valuesOf(int layer) {
        throw none("values of another layer");
    }

    @Override
    public String positions() {
        throw none("learned positions");
    }

    @Override
    public String queryScale(QueryScale scale) {
        throw none("a factor of queries");
    }

    @Override
    public String masked(String scores, Attention a) {
        throw none("a mask");
    }
}
