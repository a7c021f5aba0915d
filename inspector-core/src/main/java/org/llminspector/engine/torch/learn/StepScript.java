package org.llminspector.engine.torch.learn;

import java.util.stream.Collectors;
import org.llminspector.engine.Parameter;
import org.llminspector.spec.DecoderSpec;

/**
 * TorchScript of a learner: losses, gradients and updates of all weights in one flat array.
 *
 * <p>The loss' gradient by the logits is written out, a few rows at a time, so that logits stay in the CPU's cache; from
 * the last hidden state backwards ({@link LearnerScript}) libtorch's autograd takes over.
 */
final class StepScript {

    /** Rows whose logits are computed at once. */
    private static final int ROWS = 256;

    private static final String TEXT = """
            def pieces(self, flat: Tensor) -> List[Tensor]:
              return torch.split_with_sizes(flat, [{sizes}])
            def logits(self, x: Tensor, w: List[Tensor]) -> Tensor:
            {logits}
            def chained(self, p: Tensor, logits: Tensor, gradient: List[Tensor]) -> Tensor:
            {chained}
            def score(self, flat: Tensor, ids: Tensor, {tables}) -> Tuple[Tensor, Tensor]:
              last = torch.size(ids, 1) - 1
              h = self.hidden(flat, torch.slice(ids, 1, 0, last), {given})
              next = torch.slice(ids, 1, 1).reshape([-1, 1])
              w = self.pieces(flat)
              e = {head}
              nll = annotate(List[Tensor], [])
              hit = annotate(List[Tensor], [])
              n = torch.size(h, 0)
              for c in range((n + {rows} - 1) // {rows}):
                logits = self.logits(torch.mm(torch.slice(h, 0, c * {rows}, (c + 1) * {rows}), e.t()), w)
                target = torch.gather(logits, 1, torch.slice(next, 0, c * {rows}, (c + 1) * {rows}))
                nll.append(torch.sub(torch.logsumexp(logits, [1], True), target))
                hit.append(torch.ge(target, torch.amax(logits, [1], True)))
              return (torch.cat(nll).view([-1, last]), torch.cat(hit).view([-1, last]))
            def accumulate(self, flat: Tensor, gradient: Tensor, ids: Tensor, weights: Tensor, at: Tensor, by: Tensor, {tables}) -> Tuple[Tensor, Tensor]:
              last = torch.size(ids, 1) - 1
              leaf = torch.detach(flat).requires_grad_(True)
              hidden = self.hidden(leaf, torch.slice(ids, 1, 0, last), {given})
              h = torch.detach(hidden)
              next = torch.slice(ids, 1, 1).reshape([-1, 1])
              weight = weights.view([-1, 1])
              w = self.pieces(torch.detach(flat))
              e = {head}
              w_gradient = self.pieces(torch.detach(gradient))
              e_gradient = {head_gradient}
              nll = annotate(List[Tensor], [])
              hit = annotate(List[Tensor], [])
              h_gradient = annotate(List[Tensor], [])
              n = torch.size(h, 0)
              shared = int(at[0]) >= 0
              for c in range((n + {rows} - 1) // {rows}):
                rows = torch.slice(h, 0, c * {rows}, (c + 1) * {rows})
                to = torch.slice(next, 0, c * {rows}, (c + 1) * {rows})
                each = torch.slice(weight, 0, c * {rows}, (c + 1) * {rows})
                logits = self.logits(torch.mm(rows, e.t()), w)
                top = torch.amax(logits, [1], True)
                target = torch.gather(logits, 1, to)
                p = torch.softmax(logits, 1)
                log_sum = torch.sub(top, torch.log(torch.amax(p, [1], True)))
                nll.append(torch.sub(log_sum, target))
                hit.append(torch.ge(target, top))
                p.scatter_add_(1, to, torch.neg(torch.ones_like(target)))
                p.mul_(each)
                if shared:
                  here = torch.logical_and(torch.ge(at, c * {rows} * {vocab}), torch.lt(at, (c + 1) * {rows} * {vocab}))
                  p.view([-1]).index_add_(0, torch.sub(torch.masked_select(at, here), c * {rows} * {vocab}), torch.masked_select(by, here))
                p = self.chained(p, logits, w_gradient)
                h_gradient.append(torch.mm(p, e))
                e_gradient.addmm_(p.t(), rows)
              grads = torch.grad([hidden], [leaf], annotate(List[Optional[Tensor]], [torch.cat(h_gradient)]))
              g = grads[0]
              if g is not None:
                gradient.add_(g)
              return (torch.cat(nll).view([-1, last]), torch.cat(hit).view([-1, last]))
            def clear(self, gradient: Tensor, span: Tensor) -> Tensor:
              return torch.slice(gradient, 0, int(span[0]), int(span[1])).zero_()
            def clip(self, gradient: Tensor, limit: Tensor) -> Tensor:
              norm = torch.linalg_vector_norm(gradient, 2, None, False, dtype={float64})
              if float(norm) > float(limit):
                gradient.mul_(float(limit) / (float(norm) + 1e-6))
              return norm
            def adam(self, flat: Tensor, gradient: Tensor, first: Tensor, second: Tensor, steps: Tensor, settings: Tensor) -> Tensor:
              lr, b1, b2, eps, decay, decoupled = float(settings[0]), float(settings[1]), float(settings[2]), float(settings[3]), float(settings[4]), bool(settings[5])
              steps.add_(1)
              n = float(steps)
              matrices = torch.slice(flat, 0, 0, {matrices})
              if decoupled:
                matrices.mul_(1. - lr * decay)
              else:
                torch.slice(gradient, 0, 0, {matrices}).add_(matrices, alpha=decay)
              first.lerp_(gradient, 1. - b1)
              second.mul_(b2).addcmul_(gradient, gradient, value=1. - b2)
              divisor = torch.sqrt(second).div_((1. - b2 ** n) ** 0.5).add_(eps)
              flat.addcdiv_(first, divisor, value=-lr / (1. - b1 ** n))
              gradient.zero_()
              return steps
            def sgd(self, flat: Tensor, gradient: Tensor, first: Tensor, steps: Tensor, settings: Tensor) -> Tensor:
              lr, momentum, decay = float(settings[0]), float(settings[1]), float(settings[2])
              steps.add_(1)
              torch.slice(gradient, 0, 0, {matrices}).add_(torch.slice(flat, 0, 0, {matrices}), alpha=decay)
              first.mul_(momentum).add_(gradient)
              flat.add_(first, alpha=-lr)
              gradient.zero_()
              return steps
            """;

    private StepScript() {}

    static String of(DecoderSpec spec, ParameterLayout layout) {
        LearnerScript forward = new LearnerScript(spec, layout);
        int head = layout.index(spec.tied() ? "embed.weight" : "unembed.weight");
        int bias = layout.index("unembed.bias");
        String view = "[" + head + "].view([" + spec.vocab() + ", " + spec.tableWidth() + "])";
        return forward.method()
                + TEXT.replace("{logits}", logits(spec, bias).indent(2).stripTrailing())
                        .replace("{chained}", chained(spec, bias).indent(2).stripTrailing())
                        .replace("{tables}", forward.declared())
                        .replace("{given}", forward.passed())
                        .replace("{head_gradient}", "w_gradient" + view)
                        .replace("{head}", "w" + view)
                        .replace("{vocab}", Integer.toString(spec.vocab()))
                        .replace("{rows}", Integer.toString(ROWS))
                        .replace(
                                "{sizes}",
                                layout.parameters().stream()
                                        .map(Parameter::size)
                                        .map(String::valueOf)
                                        .collect(Collectors.joining(", ")))
                        // c10::ScalarType::Double: a float32 sum of millions of squares is not exact
                        .replace("{float64}", "7")
                        .replace("{matrices}", Long.toString(layout.matrices()));
    }

    private static boolean scaled(DecoderSpec spec) {
        return spec.logitScale() != null && spec.logitScale() != 1;
    }

    /** From products with the unembedding to logits. */
    static String logits(DecoderSpec spec, int bias) {
        StringBuilder text = new StringBuilder();
        if (bias >= 0) text.append("x = torch.add(x, w[" + bias + "])\n");
        if (scaled(spec)) text.append("x = torch.mul(x, " + (double) spec.logitScale() + ")\n");
        if (spec.logitSoftcap() != null) {
            double cap = spec.logitSoftcap();
            text.append("x = torch.mul(torch.tanh(torch.div(x, " + cap + ")), " + cap + ")\n");
        }
        return text + "return x";
    }

    /** From the gradient by logits to that by the products. */
    private static String chained(DecoderSpec spec, int bias) {
        StringBuilder text = new StringBuilder();
        if (spec.logitSoftcap() != null) {
            double cap = spec.logitSoftcap();
            String slope = "torch.sub(torch.ones_like(logits), torch.square(torch.div(logits, " + cap + ")))";
            text.append("p = torch.mul(p, " + slope + ")\n");
        }
        if (scaled(spec)) text.append("p = torch.mul(p, " + (double) spec.logitScale() + ")\n");
        if (bias >= 0) text.append("gradient[" + bias + "].add_(torch.sum(p, [0]))\n");
        return text + "return p";
    }
}
