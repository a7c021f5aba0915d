package org.llminspector.tales.words;

import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** Word lists of the stories: names, places, things and traits, all this project's own choice. */
public final class Words {

    private Words() {}

    public static final List<String> GIRLS = list(
            "Ada Anna Bella Clara Daisy Dora Ella Emma Fiona Greta Hanna Ida Iris Julia Kate Lily Lotta Mia Mina Nina"
                    + " Nora Olga Paula Rosa Ruby Sara Selma Tilda Una Vera Wendy Zoe");
    public static final List<String> BOYS = list(
            "Adam Anton Ben Bruno Carl David Emil Felix Finn Gus Henry Hugo Ivan Jack Jonas Karl Leo Linus Max Milo"
                    + " Nick Noah Oscar Otto Paul Peter Rufus Sam Theo Tom Victor Willy");
    /** Every name: the girls', then the boys'. */
    public static final List<String> NAMES =
            Stream.concat(GIRLS.stream(), BOYS.stream()).toList();

    /** Family members, who are called by these words. */
    public static final List<String> WOMEN = list("Mother Grandmother Aunt");

    public static final List<String> MEN = list("Father Grandfather Uncle");

    /** Nonsense words of magic words and songs. */
    public static final List<String> MAGIC =
            list("abra bim bala bolo dobra dum falu fidi gala gobo hoki hula jimba juba kalu karo kiri lala limo lulu"
                    + " malo miri mumbo nali nobo olu palu piko pori rabu rimo sala simba solo tarra tiko timbu tola ula umbi"
                    + " vari velo wala wimbo zali zimba zolo zuzu");

    public static final List<String> ANIMALS =
            list("fox rabbit bear mouse cat dog duck frog goat hedgehog squirrel turtle pony beaver badger otter");

    /** Neighbours are named by their trade; every baker is a she, every miller a he. */
    public static final List<String> HER_TRADES = list("baker gardener shepherd teacher weaver");

    public static final List<String> HIS_TRADES = list("miller farmer sailor tailor potter fisherman");
    public static final List<String> TRADES =
            Stream.concat(HER_TRADES.stream(), HIS_TRADES.stream()).toList();
    public static final List<String> TRAITS =
            list("brave shy kind clever curious cheerful lazy gentle patient careful forgetful proud");

    /** Preposition and place. */
    public static final List<Place> PLACES = places(
            "in", "forest garden barn meadow cave tower orchard village castle valley attic cellar stable shop",
            "by", "river pond lake well fountain",
            "on", "hill beach island mountain",
            "under", "bridge tree",
            "behind", "wall fence haystack",
            "at", "market mill harbor school");

    /** Places where a house can stand. */
    public static final List<Place> HOMES = places(
            "in", "forest village valley",
            "by", "river lake pond",
            "on", "hill island",
            "at", "harbor mill",
            "under", "tree");

    public static final List<String> HOUSES = list("little round crooked yellow tall old");
    public static final List<String> THING_ADJECTIVES =
            list("red blue green yellow white black brown little big old new shiny");

    /** Things with their purpose. */
    public static final List<Thing> THINGS = List.of(
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
            thing("candle", "read in bed"),
            thing("kite", "play in the wind"),
            thing("ball", "play with my friends"),
            thing("hat", "keep the sun off"),
            thing("scarf", "keep my neck warm"),
            thing("mirror", "see my face"),
            thing("whistle", "call my dog"),
            thing("ring", "give to my sister"),
            thing("crown", "play king"),
            thing("button", "mend my shirt"),
            thing("box", "keep my coins in"));

    /** Things too heavy for one person. */
    public static final List<String> HEAVY = list("cart boat log stone turnip pumpkin");

    public static final List<Group> FOODS = groups(
            "apple apples pear pears plum plums nut nuts berry berries egg eggs carrot carrots mushroom mushrooms"
                    + " cherry cherries");
    public static final List<Group> FINDS =
            groups("flower flowers shell shells stone stones feather feathers acorn acorns leaf leaves");
    public static final List<Group> CREATURES =
            groups("snail snails bee bees bird birds butterfly butterflies beetle beetles ant ants moth moths");

    /** Nouns for rows of words. */
    public static final List<String> NOUNS = Stream.of(
                    ANIMALS.stream(),
                    THINGS.stream().map(Thing::noun),
                    PLACES.stream().map(Place::noun),
                    Stream.of(FOODS, FINDS, CREATURES).flatMap(List::stream).map(Group::one))
            .flatMap(s -> s)
            .filter(w -> !HEAVY.contains(w))
            .toList();

    private static final List<String> NUMBERS =
            list("zero one two three four five six seven eight nine ten eleven twelve");

    public static final int MOST = 12;

    public static String number(int n) {
        return NUMBERS.get(n);
    }

    /** 1 to 12, or 0 where it is no number. */
    public static int number(String word) {
        return Math.max(0, NUMBERS.indexOf(word.toLowerCase(Locale.ROOT)));
    }

    /** "one, two, three": counting aloud. */
    public static String countTo(int n) {
        return String.join(", ", NUMBERS.subList(1, n + 1));
    }

    /** With the indefinite article; all words here that begin with a vowel letter begin with a vowel sound. */
    public static String a(String words) {
        return ("aeiou".indexOf(words.charAt(0)) >= 0 ? "an " : "a ") + words;
    }

    public static String capital(String words) {
        return Character.toUpperCase(words.charAt(0)) + words.substring(1);
    }

    /** "a, b and c". */
    public static String and(List<String> parts) {
        int last = parts.size() - 1;
        return last == 0 ? parts.get(0) : String.join(", ", parts.subList(0, last)) + " and " + parts.get(last);
    }

    /** A first-person phrase about a third person: "tie my boat" becomes "tie his boat". */
    public static String about(Person who, String words) {
        return words.replace(" my ", " " + who.possessive() + " ");
    }

    /** A third-person phrase in the first person: "he lost the kite" becomes "I lost the kite". */
    public static String own(Person who, String words) {
        return words.replaceAll("^" + who.subject() + " was ", "I was ").replaceAll("^" + who.subject() + " ", "I ");
    }

    private static List<String> list(String words) {
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
                        .map(noun -> new Place(prepositionsAndNouns[2 * i], noun)))
                .toList();
    }
}
