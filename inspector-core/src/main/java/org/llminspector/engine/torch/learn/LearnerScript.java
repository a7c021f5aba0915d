package org.llminspector.engine.torch.learn;

import java.util.stream.Collectors;
import org.llminspector.engine.Parameter;
import org.llminspector.engine.torch.Decoder;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;

/**
 * TorchScript source of a Llama's training step: forward, loss and gradient in one call.
 *
 * <p>It computes what {@link Decoder} computes, arranged for speed. A norm's weight is multiplied into the matrices
 * that read it, which are smaller than the activations. RoPE is one complex product, for which the rows of q and k are
 * interleaved into pairs. The loss' gradient by the logits is written out, a few rows at a time, so that logits stay in
 * the CPU's cache; from the last hidden state backwards libtorch's autograd takes over.
 */
public final class LearnerScript {

    /** Rows whose logits are computed at once. */
    private static final int ROWS = 256;

    private static final String TEXT = """
            def normed(self, x: Tensor) -> Tensor:
              n = torch.linalg_vector_norm(x, 2, [-1], True)
              return torch.mul(x, torch.rsqrt(torch.add(torch.mul(torch.mul(n, n), {1/d}), {eps})))
            def paired(self, w: Tensor, norm: Tensor, heads: int) -> Tensor:
              halves = torch.mul(w, norm).view([heads, 2, {half}, {d}])
              return halves.transpose(1, 2).reshape([heads * {d_head}, {d}])
            def rotated(self, x: Tensor, b: int, t: int, heads: int, turn: Tensor) -> Tensor:
              pairs = torch.view_as_complex(x.view([b, t, heads, {half}, 2]))
              return torch.view_as_real(torch.mul(pairs, turn)).view([b, t, heads, {d_head}])
            def spread(self, x: Tensor, b: int, t: int) -> Tensor:
              each = x.view([b, t, {kv}, 1, {d_head}]).expand([b, t, {kv}, {group}, {d_head}])
              return each.reshape([b, t, {heads}, {d_head}]).transpose(1, 2)
            def attended(self, h: Tensor, b: int, t: int, turn: Tensor, w: List[Tensor], norm: Tensor) -> Tensor:
              q = self.rotated(torch.linear(h, self.paired(w[0], norm, {heads})), b, t, {heads}, turn)
              k = self.rotated(torch.linear(h, self.paired(w[1], norm, {kv})), b, t, {kv}, turn)
              v = torch.linear(h, torch.mul(w[2], norm))
              z = torch.scaled_dot_product_attention(q.transpose(1, 2), self.spread(k, b, t), self.spread(v, b, t), None, 0., True, scale={scale})
              return z.transpose(1, 2).reshape([b * t, {heads} * {d_head}])
            def block(self, x: Tensor, b: int, t: int, turn: Tensor, w: List[Tensor], ln1: Tensor, ln2: Tensor) -> Tensor:
              z = self.attended(self.normed(x), b, t, turn, w, ln1)
              mid = torch.addmm(x, z, w[3].t())
              h = self.normed(mid)
              neurons = torch.mul(torch.silu(torch.linear(h, torch.mul(w[4], ln2))), torch.linear(h, torch.mul(w[5], ln2)))
              return torch.addmm(mid, neurons, w[6].t())
            def pieces(self, flat: Tensor) -> List[Tensor]:
              return torch.split_with_sizes(flat, [{sizes}])
            def hidden(self, flat: Tensor, ids: Tensor, turns: Tensor) -> Tensor:
              b = torch.size(ids, 0)
              t = torch.size(ids, 1)
              w = self.pieces(flat)
              turn = torch.slice(turns, 0, 0, t)
              x = torch.embedding(w[0].view([{vocab}, {d}]), ids).view([b * t, {d}])
              for i in range({layers}):
                m = 1 + i * 7
                n = {vectors} + i * 2
                matrices = [w[m].view([{q}, {d}]), w[m + 1].view([{kv} * {d_head}, {d}]), w[m + 2].view([{kv} * {d_head}, {d}]), w[m + 3].view([{d}, {q}]), w[m + 4].view([{d_mlp}, {d}]), w[m + 5].view([{d_mlp}, {d}]), w[m + 6].view([{d}, {d_mlp}])]
                x = self.block(x, b, t, turn, matrices, w[n], w[n + 1])
              return torch.mul(self.normed(x), w[{vectors} + {layers} * 2])
            def score(self, flat: Tensor, ids: Tensor, turns: Tensor) -> Tuple[Tensor, Tensor]:
              last = torch.size(ids, 1) - 1
              h = self.hidden(flat, torch.slice(ids, 1, 0, last), turns)
              next = torch.slice(ids, 1, 1).reshape([-1, 1])
              e = torch.t(self.pieces(flat)[{head}].view([{vocab}, {d}]))
              nll = annotate(List[Tensor], [])
              hit = annotate(List[Tensor], [])
              n = torch.size(h, 0)
              for c in range((n + {rows} - 1) // {rows}):
                logits = torch.mm(torch.slice(h, 0, c * {rows}, (c + 1) * {rows}), e)
                target = torch.gather(logits, 1, torch.slice(next, 0, c * {rows}, (c + 1) * {rows}))
                nll.append(torch.sub(torch.logsumexp(logits, [1], True), target))
                hit.append(torch.ge(target, torch.amax(logits, [1], True)))
              return (torch.cat(nll).view([-1, last]), torch.cat(hit).view([-1, last]))
            def accumulate(self, flat: Tensor, gradient: Tensor, ids: Tensor, weights: Tensor, at: Tensor, by: Tensor, turns: Tensor) -> Tuple[Tensor, Tensor]:
              last = torch.size(ids, 1) - 1
              leaf = torch.detach(flat).requires_grad_(True)
              hidden = self.hidden(leaf, torch.slice(ids, 1, 0, last), turns)
              h = torch.detach(hidden)
              next = torch.slice(ids, 1, 1).reshape([-1, 1])
              weight = weights.view([-1, 1])
              e = self.pieces(torch.detach(flat))[{head}].view([{vocab}, {d}])
              e_gradient = self.pieces(torch.detach(gradient))[{head}].view([{vocab}, {d}])
              nll = annotate(List[Tensor], [])
              hit = annotate(List[Tensor], [])
              h_gradient = annotate(List[Tensor], [])
              n = torch.size(h, 0)
              shared = int(at[0]) >= 0
              for c in range((n + {rows} - 1) // {rows}):
                rows = torch.slice(h, 0, c * {rows}, (c + 1) * {rows})
                to = torch.slice(next, 0, c * {rows}, (c + 1) * {rows})
                w = torch.slice(weight, 0, c * {rows}, (c + 1) * {rows})
                logits = torch.mm(rows, e.t())
                top = torch.amax(logits, [1], True)
                target = torch.gather(logits, 1, to)
                p = torch.softmax(logits, 1)
                log_sum = torch.sub(top, torch.log(torch.amax(p, [1], True)))
                nll.append(torch.sub(log_sum, target))
                hit.append(torch.ge(target, top))
                p.scatter_add_(1, to, torch.neg(torch.ones_like(target)))
                p.mul_(w)
                if shared:
                  here = torch.logical_and(torch.ge(at, c * {rows} * {vocab}), torch.lt(at, (c + 1) * {rows} * {vocab}))
                  p.view([-1]).index_add_(0, torch.sub(torch.masked_select(at, here), c * {rows} * {vocab}), torch.masked_select(by, here))
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

    private LearnerScript() {}

    static String of(DecoderSpec spec, ParameterLayout layout) {
        Attention a = spec.layers().get(0).attention();
        int matrices = 1 + ParameterLayout.MATRICES.size() * spec.nLayers();
        return TEXT.replace("{1/d}", Double.toString(1.0 / spec.dModel()))
                .replace("{eps}", Double.toString(spec.finalNorm().eps()))
                .replace("{half}", Integer.toString(a.dHead() / 2))
                .replace("{d}", Integer.toString(spec.dModel()))
                .replace("{d_head}", Integer.toString(a.dHead()))
                .replace("{heads}", Integer.toString(a.nHeads()))
                .replace("{kv}", Integer.toString(a.nKvHeads()))
                .replace("{group}", Integer.toString(a.nHeads() / a.nKvHeads()))
                .replace("{q}", Integer.toString(a.nHeads() * a.dHead()))
                .replace("{d_mlp}", Integer.toString(spec.layers().get(0).mlp().dMlp()))
                .replace("{scale}", Double.toString(a.scale()))
                .replace("{vocab}", Integer.toString(spec.vocab()))
                .replace("{layers}", Integer.toString(spec.nLayers()))
                .replace("{head}", Integer.toString(spec.tied() ? 0 : matrices))
                .replace("{vectors}", Integer.toString(matrices + (spec.tied() ? 0 : 1)))
                .replace("{rows}", Integer.toString(ROWS))
                .replace(
                        "{sizes}",
                        layout.parameters().stream()
                                .map(Parameter::size)
                                .map(String::valueOf)
                                .collect(Collectors.joining(", ")))
                .replace("{float64}", "7") // c10::ScalarType::Double: a float32 sum of millions of squares is not exact
                .replace("{matrices}", Long.toString(layout.matrices()));
    }
}
