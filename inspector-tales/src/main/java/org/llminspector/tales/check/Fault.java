package org.llminspector.tales.check;

/** A kind of fault in a story. */
public enum Fault {
    /** A sentence whose skeleton is unknown. */
    SENTENCE,
    /** A name without an introduction, or given twice. */
    NAME,
    /** A pronoun of the wrong gender, or without a possible referent. */
    PRONOUN,
    /** "a" for "an". */
    ARTICLE,
    /** A thing without an introduction, with another adjective, or given by a person who does not have it. */
    THING,
    /** A wrong preposition ("on the cave"), or another place than stated. */
    PLACE,
    /** Wrong sums and counts, "one nuts". */
    NUMBER,
    /** Magic words, lists and letters that are not repeated verbatim. */
    CHANT,
    /** A false answer at the end. */
    ANSWER,
    /** The story breaks off. */
    UNFINISHED
}
