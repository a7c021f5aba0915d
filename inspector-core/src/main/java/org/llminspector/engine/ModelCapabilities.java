package org.llminspector.engine;

import java.util.Optional;
import org.llminspector.base.Problem;
import org.llminspector.hook.HookAbsence;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/**
 * What a model supports, whichever engine runs it. A model from a checkpoint supports everything ({@link #ALL}); an
 * exported ONNX graph supports what is found in it.
 */
public interface ModelCapabilities {

    /** All hooks of the spec, every engine and precision, interventions and the logit lens. */
    ModelCapabilities ALL = new ModelCapabilities() {};

    /** Whether a hook of its spec can be captured. */
    default boolean has(HookId hook) {
        return true;
    }

    /** Why hooks of this point cannot be captured. */
    default String absence(HookPoint point) {
        return HookAbsence.of(point);
    }

    /** What to use instead for full support; null if this model has it. */
    default String instead() {
        return null;
    }

    /** The Problem for a request of a hook that cannot be captured. */
    default Problem refusal(HookId hook) {
        return Problem.unsupported("this model does not show the hook: " + absence(hook.point()))
                .where(hook.name())
                .instead(instead());
    }

    /** Whether it comes in one precision only, that of its file. */
    default boolean onePrecision() {
        return false;
    }

    /** Why interventions are not possible; empty where they are. */
    default Optional<Problem> interventionRefusal() {
        return Optional.empty();
    }

    /** Why there is no logit lens; empty where there is one. */
    default Optional<Problem> lensRefusal() {
        return Optional.empty();
    }
}
