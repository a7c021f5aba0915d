package org.llminspector.train.tales;

/**
 * Person is somebody in a story: a child, an animal that talks, or a neighbour known by their trade.
 *
 * @param name what the story calls them: a name, or "the" and their kind
 * @param named whether they have a name of their own
 */
public record Person(String name, boolean named, String kind, String trait, boolean she) {

    /** As they are first met: "a shy fox named Tishkanet", "an old miller". */
    String introduced() {
        String kindly = trait + " " + kind;
        return named ? Words.a(kindly) + " named " + name : Words.a(kindly);
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

    /** "Tishkanet's", and no second s to a name's own. */
    String owner() {
        return name.endsWith("s") ? name + "'" : name + "'s";
    }
}
