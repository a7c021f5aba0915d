package org.llminspector.engine.exported;

import static org.llminspector.engine.exported.Dataflow.at;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.llminspector.checkpoint.onnx.OnnxFile.Node;

/**
 * Residual stream of an exported graph: from the embedding through a chain of sums, each of which adds the output of an
 * attention or an MLP.
 */
final class ExportedStream {

    /**
     * A summand of the stream.
     *
     * @param alone whether nothing else, such as a bias, is added in the same operator
     */
    record Added(String value, boolean alone) {}

    /**
     * The found parts of a block; a part that was not found, and all after it, is null.
     *
     * @param before the stream at the block's input
     * @param between the stream at the MLP's input; {@code before} where attention and MLP are parallel
     * @param after the stream at the block's output; empty where the graph has no such value
     */
    record Block(String before, Added attention, String between, Added mlp, String after) {}

    /** A sum: its summand and the resulting stream; the latter is empty where the graph has no such value. */
    private record Step(Added added, String sum) {}

    private final Dataflow flow;
    private final List<ExportedAttention> attentions; // null where not found
    private final List<Block> blocks = new ArrayList<>();
    private String embedding;
    private String positions;

    ExportedStream(Dataflow flow, List<ExportedAttention> attentions) {
        this.flow = flow;
        this.attentions = attentions;
        String stream = start();
        while (stream != null && blocks.size() < attentions.size()) {
            Block block = block(attentions.get(blocks.size()), stream);
            if (block == null) return;
            blocks.add(block);
            stream = block.after();
        }
    }

    /** The embedding, after scaling. */
    String embedding() {
        return embedding;
    }

    /** The learned positions added to it, or null. */
    String positions() {
        return positions;
    }

    /** Blocks from the first on; the last one may be incomplete. */
    List<Block> blocks() {
        return blocks;
    }

    /** The stream before the first block, including learned positions, or null. */
    private String start() {
        String v = flow.embedding();
        embedding = v;
        while (step(v) == null) {
            List<Node> next = new ArrayList<>();
            for (Node n : flow.readers(v)) if (flow.isLive(at(n.outputs(), 0))) next.add(n);
            if (next.size() != 1) return null;
            Node n = next.get(0);
            String x = flow.onlyLiveInput(n);
            boolean adds = n.op().equals("Add");
            if (adds && x != null) positions = at(n.inputs(), 1 - n.inputs().indexOf(x));
            else if (flow.scaled(n) == null && !Dataflow.shapes(n)) return null;
            v = at(n.outputs(), 0);
            if (!adds) embedding = v;
        }
        return v;
    }

    /** The block that begins at this value of the stream, as far as it is found, or null. */
    private Block block(ExportedAttention attention, String stream) {
        Step first = step(stream);
        if (first == null || attention == null) return null;
        String added = first.added().value();
        if (!flow.reaches(attention.read(), added)) return null;
        List<String> parts = flow.bothLiveInputs(flow.maker(flow.uncast(added)));
        if (parts != null && isSum(added)) return parallel(attention, stream, parts, first.sum());
        Step second = step(first.sum());
        if (second == null || readsAttention(second.added().value(), flow.order(first.sum()))) {
            return new Block(stream, first.added(), first.sum(), null, null);
        }
        return new Block(stream, first.added(), first.sum(), second.added(), second.sum());
    }

    private Block parallel(ExportedAttention attention, String stream, List<String> parts, String sum) {
        boolean second = flow.reaches(attention.read(), parts.get(1));
        if (second == flow.reaches(attention.read(), parts.get(0))) return new Block(stream, null, null, null, null);
        Added made = new Added(parts.get(second ? 1 : 0), true);
        return new Block(stream, made, stream, new Added(parts.get(second ? 0 : 1), true), sum);
    }

    private boolean isSum(String value) {
        return flow.maker(flow.uncast(value)).op().equals("Add");
    }

    private boolean readsAttention(String value, int since) {
        Set<String> made = flow.ancestors(value, since);
        return attentions.stream().filter(Objects::nonNull).anyMatch(a -> made.contains(a.read()));
    }

    /** The next sum of the stream, as an Add or fused with the following norm. */
    private Step step(String stream) {
        if (stream.isEmpty()) return null;
        Step found = null;
        int order = Integer.MAX_VALUE;
        for (String x : flow.forms(stream)) {
            for (Node n : flow.readers(x)) {
                boolean skips = n.op().startsWith("Skip");
                if (!skips && !n.op().equals("Add")) continue;
                int at = n.inputs().indexOf(x);
                String added = at > 1 ? "" : at(n.inputs(), 1 - at);
                if (!flow.isLive(added) || flow.forms(stream).contains(added)) continue;
                if (flow.order(at(n.outputs(), 0)) > order) continue;
                order = flow.order(at(n.outputs(), 0));
                boolean alone = !skips
                        || at(n.inputs(), n.op().contains("Simplified") ? 3 : 4).isEmpty();
                found = new Step(new Added(added, alone), at(n.outputs(), skips ? 3 : 0));
            }
        }
        return found;
    }
}
