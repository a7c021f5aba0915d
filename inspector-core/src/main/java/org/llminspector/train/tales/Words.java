package org.llminspector.train.tales;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Words are what stories are made of: every name, place, thing and trait, all this project's own choice. */
final class Words {

    private Words() {}

    static final List<String> GIRLS =
            list("Anna Bella Clara Daisy Ella Fiona Greta Hanna Ida Julia Kate Lily Mia Nora Olga Paula"
                    + " Rosa Sara Tilda Wendy");
    static final List<String> BOYS = list(
            "Adam Ben Carl David Emil Finn Gus Henry Ivan Jack Karl Leo Max Nick Otto Paul Robin" + " Sam Tom Peter");

    static final List<String> ONSETS = list("b d f g h j k l m n p r s t v w z br dr kr tr pl gl sh th ch");
    static final List<String> VOWELS = list("a e i o u");
    static final List<String> ENDS = list("n l r m k s t x sh nd");

    static final List<String> ANIMALS =
            list("fox rabbit bear mouse cat dog duck frog goat hedgehog squirrel turtle pony beaver badger otter");
    static final List<String> TRADES = list("owl baker miller farmer gardener sailor tailor shepherd fisherman potter");
    static final List<String> TRAITS =
            list("brave shy kind clever curious cheerful lazy gentle patient careful forgetful proud");
    static final List<String> AGES = list("old young tall busy");

    /** How one is there, what it can be like, what it is. */
    static final List<Place> PLACES = places(
            "in",
                    "forest garden barn meadow cave tower orchard field village castle cabin valley attic cellar stable shop",
            "by", "river pond lake well fountain",
            "on", "hill beach island mountain",
            "under", "bridge tree",
            "behind", "wall fence haystack",
            "at", "market mill harbor school");

    static final List<String> PLACE_ADJECTIVES = list("old little big green quiet dark cold sunny lonely far");

    private static final List<String> COLOURS =
            list("red blue green yellow white black brown purple little big old new shiny");
    static final List<String> THING_ADJECTIVES = COLOURS;

    /** What it is, and what one needs it for. */
    static final List<Thing> THINGS = List.of(
            thing("rope", "tie my boat"),
            thing("lamp", "see in the dark"),
            thing("shovel", "dig a hole"),
            thing("bucket", "carry water"),
            thing("blanket", "keep warm"),
            thing("key", "open my door"),
            thing("book", "read at night"),
            thing("needle", "mend my coat"),
            thing("broom", "sweep my house"),
            thing("ladder", "reach the roof"),
            thing("map", "find my way"),
            thing("bell", "call my sheep"),
            thing("basket", "carry my eggs"),
            thing("pot", "cook my soup"),
            thing("spoon", "stir my soup"),
            thing("drum", "play at the feast"),
            thing("flute", "play a song"),
            thing("hammer", "mend my chair"),
            thing("brush", "paint my door"),
            thing("cup", "drink my tea"),
            thing("pillow", "sleep well"),
            thing("candle", "see at night"),
            thing("kite", "play in the wind"),
            thing("ball", "play with my friends"),
            thing("hat", "keep the sun off"),
            thing("scarf", "keep warm"),
            thing("mirror", "see my face"),
            thing("whistle", "call my dog"),
            thing("ring", "give to my sister"),
            thing("crown", "play king"),
            thing("button", "mend my shirt"),
            thing("box", "keep my coins in"));

    static final List<Group> FOODS = groups(
            "apple apples pear pears plum plums nut nuts berry berries egg eggs carrot carrots mushroom mushrooms"
                    + " cherry cherries");
    static final List<Group> FINDS =
            groups("flower flowers shell shells stone stones feather feathers acorn acorns leaf leaves");
    static final List<Group> CREATURES =
            groups("snail snails bee bees bird birds butterfly butterflies beetle beetles ant ants moth moths");

    private static final List<String> NUMBERS =
            list("zero one two three four five six seven eight nine ten eleven twelve");

    static String number(int n) {
        return NUMBERS.get(n);
    }

    /** "one, two, three": as one counts aloud. */
    static String countTo(int n) {
        return String.join(", ", NUMBERS.subList(1, n + 1));
    }

    /** With the article that its sound asks for; all our words that begin with a vowel's letter begin with its sound. */
    static String a(String words) {
        return ("aeiou".indexOf(words.charAt(0)) >= 0 ? "an " : "a ") + words;
    }

    static String capital(String words) {
        return Character.toUpperCase(words.charAt(0)) + words.substring(1);
    }

    /** "a, b and c". */
    static String and(List<String> parts) {
        int last = parts.size() - 1;
        return last == 0 ? parts.get(0) : String.join(", ", parts.subList(0, last)) + " and " + parts.get(last);
    }

    /** The same words said about somebody by another: "tie my boat" becomes "tie his boat". */
    static String about(Person who, String words) {
        return words.replace(" my ", " " + who.possessive() + " ");
    }

    /** A word that no language has: "tilu", "zorban". */
    static String nonsense(Dice dice, int syllables) {
        while (true) {
            StringBuilder word = new StringBuilder();
            for (int i = 0; i < syllables; i++) word.append(dice.pick(ONSETS)).append(dice.pick(VOWELS));
            if (dice.chance(0.4)) word.append(dice.pick(ENDS));
            String made = word.toString();
            if (!REAL.contains(made) && UNFIT.stream().noneMatch(made::contains)) return made;
        }
    }

    /** What chance may spell, and a story for children should not. */
    private static final List<String> UNFIT =
            list("shit fuk fag nig kok dik tit pis rap naz hitl jap gay sex vag pen pus dam kil kun tard hor sla");

    /** What is a word already. */
    private static final Set<String> REAL = real(
            "do so to no me he she we be go hi ho ha ma pa la bed bin bar bus den dig dim dot fan fat fin fit fun fur gas"
                    + " get got had ham hat hen her him his hot jar jam jet job leg let lot man map mat men met mix mud net not"
                    + " pan par pat pen pet pin pot put ran rat red rim run sat set sin sit six sun tan tar ten tin top van war"
                    + " was wet win yes yet zoo take have mine share come same name game bone home here more like lake make made"
                    + " note pole rope rose side time tree three free blue true glue that this then them thin shall shell ship"
                    + " shop shut black bring plan plot grow drum drop from gold green");

    private static Set<String> real(String others) {
        Set<String> real = new HashSet<>(list(others));
        real.addAll(THING_ADJECTIVES);
        real.addAll(PLACE_ADJECTIVES);
        real.addAll(TRAITS);
        real.addAll(ANIMALS);
        real.addAll(TRADES);
        THINGS.forEach(t -> real.add(t.noun()));
        PLACES.forEach(p -> real.add(p.noun()));
        return Set.copyOf(real);
    }

    static List<String> list(String words) {
        return List.of(words.split(" "));
    }

    private static Thing thing(String noun, String purpose) {
        return new Thing("", noun, purpose);
    }

    private static List<Group> groups(String pairs) {
        List<String> words = list(pairs);
        return java.util.stream.IntStream.range(0, words.size() / 2)
                .mapToObj(i -> new Group(1, words.get(2 * i), words.get(2 * i + 1)))
                .toList();
    }

    private static List<Place> places(String... prepositionsAndNouns) {
        return java.util.stream.IntStream.range(0, prepositionsAndNouns.length / 2)
                .boxed()
                .flatMap(i -> list(prepositionsAndNouns[2 * i + 1]).stream()
                        .map(noun -> new Place(prepositionsAndNouns[2 * i], "", noun)))
                .toList();
    }
}
