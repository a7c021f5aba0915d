package org.llminspector.tales.words;

/**
 * A character of a story: a child, a talking animal, a family member, or a neighbour named by their trade.
 *
 * @param name in the story: a name, or "the" and their kind
 * @param sort how they are named
 * @param she fixed by the name or trade
 */
public record Person(String name, Sort sort, String kind, String trait, boolean she) {

    /** How a person is named. */
    public enum Sort {
        /** By a name of their own, once they have been introduced. */
        NAMED,
        /** "Mother". */
        FAMILY,
        /** "the baker". */
        NEIGHBOUR
    }

    /** Whether they have a name of their own. */
    public boolean named() {
        return sort == Sort.NAMED;
    }

    /** At the first mention: "a shy fox named Olga", "the miller". */
    public String introduced() {
        return named() ? Words.a(trait + " " + kind) + " named " + name : name;
    }

    /** In direct address: "Olga", "dear miller". */
    public String called() {
        return sort == Sort.NEIGHBOUR ? "dear " + kind : name;
    }

    public String subject() {
        return she ? "she" : "he";
    }

    public String object() {
        return she ? "her" : "him";
    }

    public String possessive() {
        return she ? "her" : "his";
    }

    /** "Olga's"; a name that ends in s gets only an apostrophe. */
    public String owner() {
        return name.endsWith("s") ? name + "'" : name + "'s";
    }
}
