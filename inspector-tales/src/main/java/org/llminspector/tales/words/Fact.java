package org.llminspector.tales.words;

/**
 * An event of a story: the ground truth of a question.
 *
 * @param who whom it is about
 * @param what the Thing, Group, Chant, trait, or feeling
 * @param where or null
 * @param other who else took part, or null
 * @param detail the purpose, the occasion or the pot, or null
 */
public record Fact(Relation relation, Person who, Object what, Place where, Person other, String detail) {

    /** The kind of event. */
    public enum Relation {
        /** who lived where. */
        LIVED,
        /** who was a what (a kind). */
        WAS,
        /** who met other, where. */
        MET,
        /** who found what (a Thing), where; with other, if they were two. */
        FOUND,
        /** who gathered what (a Group), where; detail is what all of it went into. */
        GATHERED,
        /** who gave what (a Thing or a Group) to other. */
        GAVE,
        /** who had what (a Group) left. */
        LEFT,
        /** who needed what (a Thing), and why: detail. */
        NEEDED,
        /** who said what (a Chant); detail is "song" or "magic words". */
        SAID,
        /** who felt what, because of detail. */
        FELT_BECAUSE,
        /** who saw what (a Group), where. */
        SAW,
        /** who hid, where. */
        HID,
        /** who lost what. */
        LOST,
        /** who won a race to where; other lost it. */
        WON,
        /** who wrote a letter to other. */
        WROTE,
        /** other pulled what, with who before them. */
        PULLED
    }
}
