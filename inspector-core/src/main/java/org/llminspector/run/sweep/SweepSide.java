package org.llminspector.run.sweep;

import java.util.SortedSet;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.InterventionCheck;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.hook.HookId;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.request.RunRequest;
import org.llminspector.tokenize.Token;

/**
 * One side of a sweep.
 *
 * @param request its engine, device, precision and interventions, the defaults filled in
 */
record SweepSide(ModelFolder folder, RunRequest request) {

    static SweepSide of(RunRequest asked, ModelFolder folder) {
        return new SweepSide(folder, PreparedRun.withDefaults(asked, folder));
    }

    /**
     * Refuses interventions that the model cannot have, or that take values of another run.
     *
     * @param name of the side, a or b
     */
    void check(int window, String name) {
        InterventionCheck.check(folder.spec(), request.interventions(), window);
        for (Intervention v : request.interventions()) {
            if (v.from() == null && v.op() != Intervention.Op.FREEZE) continue;
            throw Problem.unsupported("a sweep changes values by numbers alone: other runs have other tokens")
                    .where(name + ".interventions")
                    .expected("no `from` and no freeze")
                    .found(v.from() == null ? v.op() : v.from())
                    .instead("zero, mean, scale, add or replace with numbers");
        }
    }

    /** Refuses a cache of fewer bits: a window is one pass, which reads nothing back from it, and would say that it is free. */
    void checkCache(String name) {
        KvFormats cache = request.plan().kvCache();
        if (cache == null || cache.equals(KvFormats.FP32)) return;
        throw Problem.unsupported(
                        "a sweep reads nothing back from a cache, so that it cannot say what fewer bits cost there")
                .where(name + ".kv_cache")
                .expected("fp32")
                .found(cache.words())
                .instead("measure it over a text: inspector compare --b kv_cache=int8 --text FILE");
    }

    /** Ids that the tokenizer puts before every text: BOS. */
    int[] prefix() {
        return folder.requireTokenizer().encode("a", true).stream()
                .takeWhile(Token::added)
                .mapToInt(Token::id)
                .toArray();
    }

    /** Ids of a text without what the tokenizer adds around it. */
    int[] ids(String text) {
        return folder.requireTokenizer().encode(text, true).stream()
                .filter(t -> !t.added())
                .mapToInt(Token::id)
                .toArray();
    }

    /** What a batch runs with. */
    SessionRequest pass(int length, SortedSet<HookId> hooks) {
        return new SessionRequest(length, hooks, request.interventions(), java.util.List.of());
    }

    /** All that decides its values: weights, engine, plan and interventions. */
    String key(EngineInfo engine) {
        return String.join(
                "\n",
                folder.identity(() -> false).weightsSha256(),
                engine.name() + " " + engine.version() + " " + engine.device() + ", " + engine.arithmetic(),
                Json.write(request.plan()),
                Json.write(request.interventions()));
    }
}
