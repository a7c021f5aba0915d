package org.llminspector.engine.torch.libtorch;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import java.util.Locale;

/**
 * Float32 matrix products with oneDNN, which libtorch contains but uses for other types only: its choice for float32,
 * MKL, takes about twice as long on x86 CPUs that are not Intel's.
 *
 * <p>Has no gradients. Runs on the engine thread.
 */
public final class OneDnn {

    private static Script script; // null until needed, and where unavailable
    private static Boolean available;

    private OneDnn() {}

    /** Whether products on this device use oneDNN: on x86 CPUs, when libtorch was built with it. */
    public static boolean serves(Device device) {
        if (!device.equals(Device.cpu())) return false;
        if (available == null) available = compile();
        return available;
    }

    private static boolean compile() {
        String arch = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
        if (!arch.equals("amd64") && !arch.equals("x86_64")) return false;
        String method = "def linear(self, x: Tensor, w: Tensor, bias: List[Tensor]) -> Tensor:\n"
                + "  if torch.len(bias) > 0:\n    y = " + product("x", "w", "bias[0]")
                + "\n  else:\n    y = " + product("x", "w", "None") + "\n  return y\n";
        try {
            script = Script.compile(NDManager.newBaseManager(Device.cpu(), "PyTorch"), method);
            return true;
        } catch (EngineException e) { // an operator that this libtorch does not have
            return false;
        }
    }

    /** The product in TorchScript: x [batch, pos, in], w [out, in], bias [out] or None. */
    public static String product(String x, String w, String bias) {
        return "ops.mkldnn._linear_pointwise(" + x + ", " + w + ", " + bias
                + ", \"none\", annotate(List[Optional[number]], []), \"\")";
    }

    /** [batch, pos, in] to [batch, pos, out]; bias may be null. */
    public static NDArray linear(NDArray x, NDArray w, NDArray bias) {
        NDList biases = bias == null ? new NDList() : new NDList(bias);
        return script.callAsWritten(x.getManager(), "linear", x, w, biases).get(0);
    }
}
