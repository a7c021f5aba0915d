package org.llminspector.engine.torch.learn;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.llminspector.engine.Parameter;
import org.llminspector.spec.DecoderSpec;

/**
 * TorchScript of a model's loss at many points of a plane w + x u + y v through its weights, in one batch.
 *
 * <p>A product with the weights of a point is three products with matrices that all points share: a W + x (a U) + y (a
 * V). So no point has weights of its own, and a slope is the gradient by x and y alone.
 */
final class PlaneScript extends LearnerScript {

    private static final String TEXT = """
            def pieces(self, flat: Tensor) -> List[Tensor]:
              return torch.split_with_sizes(flat, [{sizes}])
            def rows(self, x: Tensor, t: int) -> Tensor:
              return torch.reshape(torch.expand(torch.unsqueeze(x, 1), [-1, t]), [1, -1, 1])
            def logits(self, x: Tensor, w: List[Tensor]) -> Tensor:
            {logits}
            def losses(self, flat: Tensor, ids: Tensor, {given}) -> Tensor:
              last = torch.size(ids, 1) - 1
              h = self.hidden(flat, torch.slice(ids, 1, 0, last), {passed})
              w = self.pieces(flat)
              along_u = torch.mul(torch.select(self.rows(x, last), 0, 0), torch.mm(h, self.pieces(u){head}.t()))
              along_v = torch.mul(torch.select(self.rows(y, last), 0, 0), torch.mm(h, self.pieces(v){head}.t()))
              logits = self.logits(torch.add(torch.add(torch.mm(h, w{head}.t()), along_u), along_v), w)
              target = torch.gather(logits, 1, torch.slice(ids, 1, 1).reshape([-1, 1]))
              return torch.mean(torch.sub(torch.logsumexp(logits, [1], True), target).view([-1, last]), [1])
            def slopes(self, flat: Tensor, ids: Tensor, {given}) -> Tuple[Tensor, Tensor, Tensor]:
              x = torch.detach(x).requires_grad_(True)
              y = torch.detach(y).requires_grad_(True)
              losses = self.losses(flat, ids, {passed})
              grads = torch.grad([torch.sum(losses)], [x, y])
              by_x, by_y = grads[0], grads[1]
              assert by_x is not None
              assert by_y is not None
              return (torch.detach(losses), by_x, by_y)
            """;

    private Set<Parameter> moved;

    private PlaneScript(DecoderSpec spec, ParameterLayout layout) {
        super(spec, layout);
    }

    /** Its methods; empty for a model with matrices that are not multiplied position by position, or by some only. */
    static Optional<String> of(DecoderSpec spec, ParameterLayout layout) {
        if (spec.layers().stream().anyMatch(l -> l.mlp() != null && l.mlp().experts() != null)) return Optional.empty();
        PlaneScript forward = new PlaneScript(spec, layout);
        Parameter head = layout.parameters().get(layout.index(spec.tied() ? "embed.weight" : "unembed.weight"));
        forward.moved.add(head);
        if (!layout.parameters().stream().filter(Parameter::isMatrix).allMatch(forward.moved::contains))
            return Optional.empty();
        return Optional.of(forward.method()
                + TEXT.replace(
                                "{logits}",
                                StepScript.logits(spec, layout.index("unembed.bias"))
                                        .indent(2)
                                        .stripTrailing())
                        .replace("{given}", forward.declared())
                        .replace("{passed}", forward.passed())
                        .replace("{head}", forward.piece("", head))
                        .replace(
                                "{sizes}",
                                layout.parameters().stream()
                                        .map(p -> Long.toString(p.size()))
                                        .collect(Collectors.joining(", "))));
    }

    @Override
    void prepare() {
        moved = new HashSet<>(); // the constructor of LearnerScript writes the lines
        line("wu = self.pieces(u)");
        line("wv = self.pieces(v)");
        line("du = self.rows(x, t)");
        line("dv = self.rows(y, t)");
    }

    /** The directions [parameters], and the points' coordinates [batch]; then the tables. */
    @Override
    List<String> given() {
        List<String> names = new ArrayList<>(List.of("u", "v", "x", "y"));
        names.addAll(super.given());
        return names;
    }

    @Override
    public String linear(String x, String module) {
        Parameter p = parameter(module + ".weight");
        moved.add(p);
        String bias = has(module + ".bias") ? ", " + reference(module + ".bias") : "";
        return plane(
                let("torch.linear(%s, " + piece("w", p) + bias + ")", x),
                let("torch.linear(%s, " + piece("wu", p) + ")", x),
                let("torch.linear(%s, " + piece("wv", p) + ")", x));
    }

    private String plane(String w, String u, String v) {
        return let("torch.add(torch.add(%s, torch.mul(du, %s)), torch.mul(dv, %s))", w, u, v);
    }

    @Override
    public String embedding(String ids) {
        Parameter p = parameter("embed.weight");
        moved.add(p);
        String rows = ", %s).view([1, b * t, " + p.shape().get(1) + "])";
        return plane(
                let("torch.embedding(" + piece("w", p) + rows, ids),
                let("torch.embedding(" + piece("wu", p) + rows, ids),
                let("torch.embedding(" + piece("wv", p) + rows, ids));
    }

    @Override
    public String positions() {
        Parameter p = parameter("pos_embed.weight");
        moved.add(p);
        String rows = ", 0, 0, t), [b, t, -1]), [1, b * t, " + p.shape().get(1) + "])";
        return plane(
                let("torch.reshape(torch.expand(torch.slice(" + piece("w", p) + rows),
                let("torch.reshape(torch.expand(torch.slice(" + piece("wu", p) + rows),
                let("torch.reshape(torch.expand(torch.slice(" + piece("wv", p) + rows));
    }
}
