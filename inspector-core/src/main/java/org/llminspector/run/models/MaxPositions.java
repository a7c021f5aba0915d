package org.llminspector.run.models;

import java.util.Collection;
import java.util.Set;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Problem;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.EngineKind;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.KvShape;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.request.RunRequest;
import org.llminspector.spec.DecoderSpec;

/**
 * Computes the maximum length of a request's sequence: prompt plus requested tokens, within the model's context and the
 * memory budget. A request for the whole context is cut to the tokens that fit; a smaller request that does not fit is
 * refused.
 */
final class MaxPositions {

    private final ModelFolder folder;
    private final RunRequest request;
    private final Collection<HookId> hooks;
    private final EngineKind engine;
    private final KvFormats formats;
    private final long room;
    private int prompt; // positions that are read in one pass

    /** @param request with its defaults filled in */
    MaxPositions(ModelFolder folder, RunRequest request, Collection<HookId> hooks) {
        this.folder = folder;
        this.request = request;
        this.hooks = hooks;
        this.engine = Engines.of(request.engine(), folder);
        String device = engine.device(request.device());
        boolean host = device.equals("cpu");
        this.formats = engine.kvFormats(folder, device, request.plan());
        // A sixteenth is left: how much a model holds is an estimate before it is open.
        this.room = host ? folder.room(engine, request.plan()) / 16 * 15 : Long.MAX_VALUE;
    }

    /**
     * Most positions of the sequence.
     *
     * @param prompt number of prompt tokens
     * @param wanted prompt plus requested tokens
     * @throws Problem TOO_LARGE where the prompt alone, or the requested tokens, do not fit
     */
    int positions(int prompt, long wanted) {
        this.prompt = prompt;
        DecoderSpec spec = folder.spec();
        int asked = (int) Math.min(wanted, spec.maxContext());
        if (fits(asked)) return asked;
        int low = 0; // the most that fits lies in [low, high)
        for (int high = asked; high - low > 1; ) {
            int middle = (low + high) >>> 1;
            if (fits(middle)) low = middle;
            else high = middle;
        }
        if (wanted >= spec.maxContext() && low > prompt) return low;
        throw Problem.tooLarge("the sequence could become longer than the memory budget holds")
                .where(asked + " positions of " + folder.slug())
                .expected("at most " + low + " positions: " + ByteCount.of(Math.max(0, room))
                        + " are left beside the weights")
                .found(ByteCount.of(bytes(asked)) + " of keys, values and what the prompt's pass computes"
                        + (hooks.isEmpty() ? "" : " and captures"))
                .instead(
                        "ask for fewer new tokens (max_new_tokens), shorten the prompt, keep keys and values in fewer bits"
                                + " (kv_cache), or raise --memory");
    }

    private boolean fits(int positions) {
        return bytes(positions) <= room && largest(positions) <= engine.largestCacheBuffer();
    }

    private long bytes(int positions) {
        DecoderSpec spec = folder.spec();
        boolean hooked = !hooks.isEmpty() || !request.interventions().isEmpty();
        int read = Math.min(prompt, positions);
        return PassMemory.cache(KvShape.of(spec, Set.of()), formats, positions)
                + CaptureBudget.bytes(spec, hooks, positions)
                + PassMemory.scratch(
                        spec, formats, read, read, engine, hooked, hooks.contains(HookId.of(HookPoint.LOGITS)));
    }

    /** Bytes of the largest of the layers' keys or values. */
    private long largest(int positions) {
        long most = 0;
        for (KvShape layer : KvShape.of(folder.spec(), Set.of())) {
            long key = formats.key().bytes(layer.key());
            long value = formats.value().bytes(layer.value());
            most = Math.max(most, layer.heads() * Math.max(key, value) * positions);
        }
        return most;
    }
}
