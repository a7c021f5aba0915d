package org.llminspector.train.tales;

/**
 * Person is somebody in a story: a child, an animal that talks, one of the family, or a neighbour known by their trade.
 *
 * @param name what the story calls them: a name, or "the" and their kind
 * @param sort what of
 * @param she as their name or trade says: each is always of the same
 */
public record Person(String name, Sort sort, String kind, String trait, boolean she) {

    /** Sort is how one is called. */
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

    /** As they are first met: "a shy fox named Olga", "the miller". */
    String introduced() {
        return named() ? Words.a(trait + " " + kind) + " named " + name : name;
    }

    /** As one calls to them: "Olga", "miller". */
    String called() {
        return sort == Sort.NEIGHBOUR ? "dear " + kind : name;
    }

    String subject() {
        return she ? "she" : "he";
    }

    String object() {
        return she ? "her" : "him";
    }

    String possessive() {
        return she ? "her" : "his";
    }

    /** "Olga's", and no second s to a name's own. */
    String owner() {
        return name.endsWith("s") ? name + "'" : name + "'s";
    }
}
