package org.llminspector.engine;

import java.util.Optional;
import org.llminspector.base.Problem;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/**
 * ModelCapabilities is what a model offers, whichever engine runs it. A model whose arithmetic is ours offers everything ({@link
 * #ALL}); a graph that somebody else exported offers what is found in it.
 */
public interface ModelCapabilities {

    /** All hooks of the spec, every engine and precision, changes and the logit lens. */
    ModelCapabilities ALL = new ModelCapabilities() {};

    /** Whether a hook that its spec has can be seen. */
    default boolean has(HookId hook) {
        return true;
    }

    /** Why hooks of a point that its spec has cannot be seen. */
    default String why(HookPoint point) {
        return point.absence();
    }

    /** What offers everything, where this model does not; else null. */
    default String instead() {
        return null;
    }

    /** What a person hears who asks for a hook that cannot be seen. */
    default Problem refusal(HookId hook) {
        return Problem.unsupported("this model does not show the hook: " + why(hook.point()))
                .where(hook.name())
                .instead(instead());
    }

    /** Whether it comes in one precision only, that of its file. */
    default boolean onePrecision() {
        return false;
    }

    /** Why its values cannot be changed; empty where they can. */
    default Optional<Problem> unchangeable() {
        return Optional.empty();
    }

    /** Why it has no logit lens; empty where it has one. */
    default Optional<Problem> lensless() {
        return Optional.empty();
    }
}
