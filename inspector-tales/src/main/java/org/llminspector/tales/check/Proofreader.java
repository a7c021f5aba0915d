package org.llminspector.tales.check;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.llminspector.tales.corpus.Tales;

/**
 * Checker of a story against the tales' grammar and world. Safe on any thread.
 *
 * <p>It knows only the text, not how it was made. A real tale has no fault, which a test checks, except for the few
 * sentences so rare that the language did not learn them.
 */
public final class Proofreader {

    private static final int STORIES = 5000;

    private final Language language;
    private final boolean strict;

    /** Learns the language from the training split's first stories: about two seconds. */
    public Proofreader(Tales tales) {
        this(Language.learn(tales, STORIES));
    }

    Proofreader(Language language) {
        this(language, false);
    }

    private Proofreader(Language language, boolean strict) {
        this.language = language;
        this.strict = strict;
    }

    /**
     * A proofreader that also tracks the story ({@link StoryTracker}): a person does not go to where they are (PLACE), and
     * every question at the end is about something that happened, and is answered correctly (ANSWER).
     */
    public Proofreader strict() {
        return new Proofreader(language, true);
    }

    /** All faults of a whole story, in order. */
    public List<Remark> read(String text) {
        return new StoryReading(language, strict, text).remarks();
    }

    /** The kinds of fault in a story. */
    public Set<Fault> faults(String text) {
        Set<Fault> faults = EnumSet.noneOf(Fault.class);
        read(text).forEach(r -> faults.add(r.fault()));
        return faults;
    }
}
