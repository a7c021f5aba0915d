package org.llminspector.run;

import java.nio.file.Path;
import java.util.List;
import org.llminspector.base.DType;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Capabilities;
import org.llminspector.engine.Device;
import org.llminspector.engine.EngineInfo;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.tokenize.Tokenizer;

/** Inspector is the whole program as a library: models, runs and analyses. The server and the command line are thin over it. */
public final class Inspector implements AutoCloseable {

    /**
     * Config is where things are and how much is allowed.
     *
     * @param modelRoots folders whose subfolders are models (model-cache)
     * @param model a model folder given by the user, or null; it becomes the default
     * @param runsDir where runs are kept
     * @param runsMaxBytes oldest runs go when the store is larger
     * @param captureBudgetBytes most bytes one run may capture
     * @param queueCapacity most runs waiting or running; one more is refused as BUSY
     */
    public record Config(
            List<Path> modelRoots,
            Path model,
            Path runsDir,
            long runsMaxBytes,
            long captureBudgetBytes,
            int queueCapacity) {}

    /** One row of GET /models. {@code open} lists the engines that hold it now. */
    public record ModelSummary(
            String slug,
            String family,
            boolean isDefault,
            String source,
            String path,
            long parameters,
            long bytes,
            int nLayers,
            int dModel,
            boolean hasTokenizer,
            List<EngineInfo> open,
            String trouble) {}

    /** GET /models/{slug}. {@code tokenizer} is null when the folder has none. */
    public record ModelDetails(ModelSummary summary, DecoderSpec spec, TokenizerInfo tokenizer, String weightsSha256) {}

    /** What the tokenizer is like. */
    public record TokenizerInfo(int vocabSize, Integer bosId, Integer eosId) {}

    /** One row of GET /models/{slug}/hooks: shape is a formula such as ["batch","pos",4,16]; layers lists where it exists. */
    public record HookDescription(
            String name,
            List<String> axes,
            List<Object> shape,
            String doc,
            boolean available,
            List<Integer> layers,
            String why,
            String instead) {}

    /** One tensor of a checkpoint, as the file has it. */
    public record TensorEntry(String name, DType dtype, List<Long> shape, long bytes, String file) {}

    public record Queue(int running, int waiting, int capacity) {}

    /**
     * The logit lens of a run: for each layer's hook and position, the most probable next tokens if this were the end.
     *
     * @param rows in data order, the last row is the model's own output
     */
    public record Lens(String run, List<LensRow> rows) {}

    public record LensRow(String hook, Integer layer, List<LensCell> cells) {}

    /**
     * @param entropy of the distribution, nats
     * @param klToFinal KL(final || this), nats
     * @param finalTokenRank rank (0 is first) of the token that the model finally finds most probable
     */
    public record LensCell(int pos, List<LensToken> top, double entropy, double klToFinal, int finalTokenRank) {}

    public record LensToken(int id, String text, double prob) {}

    /** L2 norm of a captured value at each position. */
    public record Norms(String run, List<NormRow> rows) {}

    public record NormRow(String hook, String point, Integer layer, List<Double> norms) {}

    private Inspector() {}

    public static Inspector open(Config config) {
        throw new UnsupportedOperationException();
    }

    public List<ModelSummary> models() {
        throw new UnsupportedOperationException();
    }

    /** The slug that a request without a model means. */
    public String defaultModel() {
        throw new UnsupportedOperationException();
    }

    public ModelDetails model(String slug) {
        throw new UnsupportedOperationException();
    }

    public List<HookDescription> hooks(String slug, String engine) {
        throw new UnsupportedOperationException();
    }

    public List<Device> devices() {
        throw new UnsupportedOperationException();
    }

    public List<Capabilities> engines() {
        throw new UnsupportedOperationException();
    }

    public List<TensorEntry> tensors(String slug) {
        throw new UnsupportedOperationException();
    }

    /** Part of one weight; rows and cols slice the first and the last axis. Decoded to float32. */
    public Tensor tensor(String slug, String name, Slice rows, Slice cols) {
        throw new UnsupportedOperationException();
    }

    /** The model's tokenizer; a model without one is a Problem that says to pass token ids. */
    public Tokenizer tokenizer(String slug) {
        throw new UnsupportedOperationException();
    }

    /** Loads a model ahead of its first run. */
    public EngineInfo load(RunRequest request) {
        throw new UnsupportedOperationException();
    }

    /** Runs to the end, on a worker of the queue, and keeps the run. Blocks; the listener hears of it meanwhile. */
    public RunManifest run(RunRequest request, RunListener listener) {
        throw new UnsupportedOperationException();
    }

    public RunStore runs() {
        throw new UnsupportedOperationException();
    }

    public Queue queue() {
        throw new UnsupportedOperationException();
    }

    /** Logit lens over a captured residual point ({@code hook_resid_post} usually). */
    public Lens lens(String runId, HookPoint point, int top) {
        throw new UnsupportedOperationException();
    }

    /** Norms of every captured d_model-wide hook of a run. */
    public Norms norms(String runId) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {}
}
