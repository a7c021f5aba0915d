package org.llminspector.run.models;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.run.request.Branch;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.RunRequestBuilder;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.tokenize.Token;

/** Resolves a request that branches off another run into a request with that run's tokens and settings. */
public final class Branches {

    private Branches() {}

    /**
     * The request with the parent run's tokens, and its model, engine, device, precision and interventions where the
     * request names none.
     *
     * @throws Problem NOT_FOUND when there is no such run; INVALID when it has no such position, or the request has a
     *     prompt of its own
     */
    public static RunRequest resolved(RunRequest r, RunStore store) {
        Branch branch = r.branch();
        if (branch == null) return r;
        if (r.reads()) {
            throw Problem.invalid("a branch reads the other run's tokens")
                    .where("branch")
                    .expected("no prompt, tokens or messages beside it")
                    .found(r.prompt() != null ? "a prompt" : r.tokens() != null ? "tokens" : "messages");
        }
        if (branch.run() == null) throw Problem.invalid("a field is missing").where("branch.run");
        RunManifest other = store.manifest(branch.run());
        int all = other.tokens().size();
        int wanted = branch.position() == null ? all : branch.position();
        int position = wanted < 0 ? all + wanted : wanted;
        if (position < 1 || position > all) {
            throw Problem.invalid("the run has no such position to go on from")
                    .where("branch.position")
                    .expected("1 to " + all + ", or -1 to -" + (all - 1) + " from the end")
                    .found(wanted);
        }
        List<Integer> ids = new ArrayList<>(
                other.tokens().stream().limit(position).map(Token::id).toList());
        if (branch.token() != null) ids.add(branch.token());
        RunRequest from = other.request();
        Branch before = from.branch();
        int generated = before == null ? other.promptLength() : before.generatedFrom();
        boolean own = r.model() == null
                && r.engine() == null
                && r.precision() == null
                && r.precisionPlan() == null
                && r.kvCache() == null;
        RunRequestBuilder b = r.toBuilder();
        if (own) {
            b.model(other.model().slug())
                    .engine(other.engine().name())
                    .device(r.device() == null ? other.engine().device() : r.device())
                    .precision(from.precision())
                    .precisionPlan(from.precisionPlan())
                    .kvCache(from.kvCache());
        }
        if (r.interventions() == null) b.interventions(from.interventions());
        return b.tokens(ids)
                .branch(new Branch(branch.run(), position, branch.token(), Math.min(generated, ids.size())))
                .build();
    }
}
