package org.llminspector.engine.torch.libtorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import java.util.List;
import org.junit.jupiter.api.Test;

/** TorchScript written here is compiled and run by libtorch as if {@code torch.jit.save} had written it. */
public class ScriptTest {

    private static final String METHODS = """
            def scaled(self, x: Tensor, factor: float, times: int) -> Tensor:
              y = x
              for i in range(times):
                y = torch.mul(y, factor)
              return y
            def both(self, xs: List[Tensor], negate: bool) -> Tuple[Tensor, List[Tensor]]:
              a, b, = xs
              if negate:
                c = torch.neg(a)
              else:
                c = a
              return (c, [torch.add(a, b), torch.silu(b)])
            def chained(self, x: Tensor) -> Tensor:
              return torch.add(self.scaled(x, 3., 2), 1)
            def slope(self, x: Tensor) -> Tensor:
              w = torch.detach(x).requires_grad_(True)
              loss = torch.sum(torch.mul(torch.mul(w, w), w))
              grads = torch.grad([loss], [w])
              g = grads[0]
              if g is None:
                out = x
              else:
                out = g
              return out
            """;

    @Test
    void methodsTakeAndGiveWhatTheyDeclare() {
        EngineThread.call(() -> {
            try (NDManager manager = NDManager.newBaseManager("PyTorch");
                    Script script = Script.compile(manager, METHODS)) {
                var x = manager.create(new float[] {1, -2});
                var y = manager.create(new float[] {10, 0});
                assertThat(script.call(manager, "scaled", x, 2.0, 3L).head().toFloatArray())
                        .containsExactly(8, -16);
                NDList both = script.call(manager, "both", List.of(x, y), true);
                assertThat(both).hasSize(3);
                assertThat(both.get(0).toFloatArray()).containsExactly(-1, 2);
                assertThat(both.get(1).toFloatArray()).containsExactly(11, -2);
                assertThat(both.get(2).toFloatArray()[1]).isZero();
                assertThat(script.call(manager, "chained", x).head().toFloatArray())
                        .containsExactly(10, -17);
            }
            return null;
        });
    }

    @Test
    void aMethodMayDifferentiate() {
        EngineThread.call(() -> {
            try (NDManager manager = NDManager.newBaseManager("PyTorch");
                    Script script = Script.compile(manager, METHODS)) {
                for (int i = 0; i < 4; i++) { // a method that is optimised is another from its third call on
                    var x = manager.create(new float[] {1, -2, i});
                    assertThat(script.callAsWritten(manager, true, "slope", x)
                                    .head()
                                    .toFloatArray())
                            .containsExactly(3, 12, 3 * i * i);
                }
            }
            return null;
        });
    }

    @Test
    void whatLibtorchDoesNotKnowIsRefusedWhenItIsCompiled() {
        String wrong = "def f(self, x: Tensor) -> Tensor:\n  return torch.no_such_op(x)\n";
        assertThatThrownBy(() -> EngineThread.call(() -> {
                    try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                        return Script.compile(manager, wrong);
                    }
                }))
                .hasMessageContaining("PyTorch refused the work")
                .hasMessageContaining("no_such_op");
    }
}
