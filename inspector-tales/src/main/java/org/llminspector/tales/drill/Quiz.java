package org.llminspector.tales.drill;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.llminspector.tales.drill.CopyingDrills.Game;
import org.llminspector.tales.plot.Tale;
import org.llminspector.tales.question.Phrasings;
import org.llminspector.tales.question.Question;
import org.llminspector.tales.question.Questions;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.tales.words.Place;
import org.llminspector.tales.words.Thing;
import org.llminspector.tales.words.Words;
import org.llminspector.train.corpus.Corpus.Span;

/**
 * Documents of questions with answers about people: kind, place, possession. A name's kind precedes the name ("a shy
 * fox named Otto"), so an induction head, which copies what followed, cannot answer; stories ask for it too rarely to
 * teach it.
 */
public final class Quiz {

    /** A person that a quiz asks about. */
    private record Guest(String name, String kind, String trait, Place home, Thing thing) {}

    private static final List<String> PLACES =
            Words.PLACES.stream().map(Place::at).toList();

    private final ChoiceSource dice;
    private final boolean verdictFirst;
    private final StringBuilder text = new StringBuilder();
    private final List<Span> determined = new ArrayList<>();

    /**
     * @param verdictFirst whether Yes or No precedes the fact, as in the first documents, where a model was seen to
     *     guess
     */
    private Quiz(ChoiceSource dice, boolean verdictFirst) {
        this.dice = dice;
        this.verdictFirst = verdictFirst;
    }

    /** People introduced one after the other, then asked about. */
    public static Game people(ChoiceSource dice, boolean verdictFirst) {
        Quiz quiz = new Quiz(dice, verdictFirst);
        quiz.text.append("Who is who?");
        quiz.round();
        return quiz.game();
    }

    /**
     * Kinds with their names, then the names with their kinds: as many lookups as possible in few words ("fox Otto",
     * "Otto fox"), or in sentences ("a fox named Otto", "Otto was a fox.").
     *
     * @param mixed whether one of the two may be in sentences and the other not
     * @param mentions whether names also occur without a kind, so that only their first occurrence gives it
     */
    public static Game pairs(ChoiceSource dice, boolean mixed, boolean mentions) {
        Quiz quiz = new Quiz(dice, true);
        boolean told = !dice.chance(mentions ? 0.15 : 0.4);
        boolean asked = mixed ? !dice.chance(mentions ? 0.15 : 0.4) : told;
        quiz.text.append("Who is who?");
        int count = (told && asked ? 17 : told || asked ? 23 : 34) - (mentions ? 5 : 0);
        List<String> names = dice.several(Words.NAMES, count);
        for (int from = 0; from < count; ) {
            List<Guest> guests = new ArrayList<>();
            for (int left = Math.min(count - from, dice.between(2, 7)); left > 0; left--)
                guests.add(quiz.guest(names.get(from++)));
            quiz.text.append('\n');
            quiz.text.append(String.join(
                    ", ", guests.stream().map(g -> quiz.introduced(g, told)).toList()));
            if (mentions) quiz.mention(guests);
            for (Guest g : dice.several(guests, guests.size())) {
                if (asked) quiz.kind(g, mentions && dice.chance(0.5) ? "What was " + g.name() + "?" : "");
                else {
                    quiz.text.append('\n').append(g.name()).append(' ');
                    quiz.known(g.kind());
                }
            }
        }
        return quiz.game();
    }

    /**
     * Kinds with their names as in stories, a few at a time, each followed by what they were.
     *
     * @param yesNo share of yes-or-no questions
     */
    public static Game few(ChoiceSource dice, double yesNo, boolean verdictFirst) {
        Quiz quiz = new Quiz(dice, verdictFirst);
        quiz.text.append("Who is who?");
        List<String> names = dice.several(Words.NAMES, 11);
        for (int from = 0; from < names.size(); ) {
            List<Guest> guests = new ArrayList<>();
            quiz.text.append('\n');
            for (int left = Math.min(names.size() - from, dice.between(2, 5)); left > 0; left--) {
                Guest next = quiz.guest(names.get(from++));
                if (dice.chance(0.75)) quiz.comes(next, guests);
                else quiz.say(Words.capital(quiz.introduced(next, true)) + ".");
                guests.add(next);
            }
            if (dice.chance(0.5)) quiz.mention(guests);
            for (Guest g : dice.several(guests, guests.size())) {
                if (guests.size() > 1 && dice.chance(yesNo)) quiz.isIt(g, guests);
                else quiz.kind(g, dice.chance(0.4) ? "What was " + g.name() + "?" : "");
            }
        }
        return quiz.game();
    }

    /**
     * Comparison of a question's value with the answer's. There is no story, so only the two are compared: side by side
     * ("A fox? A bear, so no."), or as questions and answers.
     */
    public static Game same(ChoiceSource dice, boolean asked) {
        Quiz quiz = new Quiz(dice, false);
        quiz.text.append("Yes or no?");
        for (int rows = asked ? 13 : 21; rows > 0; rows--) {
            String who = dice.pick(Words.NAMES);
            String what = "the " + dice.pick(Words.THINGS).noun();
            switch (dice.weighted(6, 3, 1, 1)) {
                case 0 -> quiz.same(asked, "Was " + who, who + " was", dice.several(kinds(who), 2));
                case 1 -> quiz.same(asked, "Did " + who + " live", who + " lived", dice.several(PLACES, 2));
                case 2 ->
                    quiz.same(asked, "Did " + who + " find " + what, who + " found " + what, dice.several(PLACES, 2));
                default ->
                    quiz.same(
                            asked,
                            "Did " + who + " give " + what + " to",
                            who + " gave " + what + " to",
                            dice.several(Words.NAMES, 2));
            }
        }
        return quiz.game();
    }

    private static List<String> kinds(String name) {
        return Stream.concat(Words.ANIMALS.stream(), Stream.of(child(name)))
                .map(Words::a)
                .toList();
    }

    private void same(boolean asked, String question, String answer, List<String> two) {
        boolean yes = dice.chance(0.5);
        String fact = two.get(yes ? 0 : 1);
        text.append('\n').append(asked ? question + " " + two.get(0) : Words.capital(two.get(0)));
        text.append(asked ? "?\n" + answer + " " + fact : "? " + Words.capital(fact))
                .append(", ");
        known(Question.verdict(yes));
        text.append('.');
    }

    private void mention(List<Guest> guests) {
        String before = "\n";
        for (int times = dice.below(2 * guests.size()); times > 0; times--) {
            text.append(before).append(dice.pick(guests).name());
            before = dice.chance(0.5) ? ", " : " and ";
        }
    }

    private Guest guest(String name) {
        String kind = dice.chance(0.2) ? child(name) : dice.pick(Words.ANIMALS);
        return new Guest(name, kind, dice.pick(Words.TRAITS), null, null);
    }

    private static String child(String name) {
        return Words.GIRLS.contains(name) ? "girl" : "boy";
    }

    private String introduced(Guest g, boolean told) {
        if (!told) return g.kind() + " " + g.name();
        return Words.a((dice.chance(0.5) ? g.trait() + " " : "") + g.kind()) + " named " + g.name();
    }

    /** People introduced as in stories, and named again and again by events, then what each of them was. */
    public static Game crowd(ChoiceSource dice, boolean verdictFirst) {
        Quiz quiz = new Quiz(dice, verdictFirst);
        quiz.text.append("Who was who?");
        List<String> names = dice.several(Words.NAMES, dice.between(2, 7));
        List<Guest> guests = new ArrayList<>();
        for (String name : names) {
            Guest next = quiz.guest(name);
            quiz.comes(next, guests);
            guests.add(next);
            for (int events = guests.size() < 2 ? 0 : dice.below(4); events > 0; events--) {
                quiz.happen(dice.several(guests, 2));
            }
        }
        for (Guest g : dice.several(guests, guests.size())) {
            if (dice.chance(0.3)) quiz.isIt(g, guests);
            else quiz.kind(g, dice.chance(0.3) ? "" : Phrasings.perhapsParaphrased("What was " + g.name() + "?", dice));
        }
        return quiz.game();
    }

    private void comes(Guest g, List<Guest> others) {
        String who = Words.a(g.trait() + " " + g.kind());
        String other = others.isEmpty() ? null : dice.pick(others).name();
        switch (dice.weighted(2, 2, 2, other == null ? 0 : 3, other == null ? 0 : 3, other == null ? 0 : 2)) {
            case 0 -> say(g.name() + " was " + who + ".");
            case 1 -> say("Once there was " + who + " named " + g.name() + ".");
            case 2 ->
                say(Words.capital(who) + " named " + g.name() + " was " + dice.pick(List.of("sitting", "resting"))
                        + " there.");
            case 3 -> say("There " + other + " met " + who + " named " + g.name() + ".");
            case 4 -> {
                say("There " + other + " saw " + who + ". \"Who are you?\" asked " + other + ". \"");
                text.append(dice.pick(List.of("I am ", "My name is ")))
                        .append(g.name())
                        .append(",\" said the ");
                known(g.kind());
                text.append('.');
            }
            default -> say(Words.capital(who) + " named " + g.name() + " came to visit " + other + ".");
        }
    }

    /** A story, and all questions about it in random order, with answers. */
    public static Game about(Tale tale, ChoiceSource dice, boolean verdictFirst) {
        Quiz quiz = new Quiz(dice, verdictFirst);
        quiz.text.append("Listen and answer.\n\n");
        int shift = quiz.text.length();
        quiz.text.append(tale.text()).append('\n');
        for (Span s : tale.determined()) quiz.determined.add(new Span(s.from() + shift, s.to() + shift));
        List<Question> left = Questions.of(tale, dice);
        while (!left.isEmpty()) {
            Question q = Questions.drawn(left, dice);
            quiz.question(Phrasings.perhapsParaphrased(q.text(), dice));
            quiz.known(verdictFirst ? q.verdictFirst() : q.answer());
            left = left.stream().filter(x -> !x.fact().equals(q.fact())).toList();
        }
        return quiz.game();
    }

    private void round() {
        List<Guest> guests = guests(dice.between(2, 6));
        for (Guest g : guests) introduce(g);
        for (int events = dice.below(5); events > 0; events--) happen(dice.several(guests, 2));
        boolean bare = dice.chance(0.4);
        for (Guest g : dice.several(guests, guests.size())) {
            if (bare) kind(g, "");
            else ask(g, guests);
        }
    }

    private List<Guest> guests(int count) {
        List<String> girls = dice.several(Words.GIRLS, count);
        List<String> boys = dice.several(Words.BOYS, count);
        List<String> animals = dice.several(Words.ANIMALS, count);
        List<Place> places = dice.several(Words.PLACES, count);
        List<Thing> things = dice.several(Words.THINGS, count);
        boolean homes = dice.chance(0.4);
        boolean owners = dice.chance(0.3);
        return IntStream.range(0, count)
                .mapToObj(i -> {
                    boolean she = dice.chance(0.5);
                    String kind = dice.chance(0.25) ? (she ? "girl" : "boy") : animals.get(i);
                    Thing t = things.get(i);
                    return new Guest(
                            (she ? girls : boys).get(i),
                            kind,
                            dice.pick(Words.TRAITS),
                            homes ? places.get(i) : null,
                            owners ? new Thing(dice.pick(Words.THING_ADJECTIVES), t.noun(), t.purpose()) : null);
                })
                .toList();
    }

    private void introduce(Guest g) {
        String who = Words.a(g.trait() + " " + g.kind());
        switch (dice.weighted(4, 2, 1, 1)) {
            case 0 -> say(dice.pick(List.of("There was ", "Here is ")) + who + " named " + g.name() + ".");
            case 1 -> {
                say("There was " + who + ". \"" + dice.pick(List.of("I am ", "My name is ")) + g.name()
                        + ",\" said the ");
                known(g.kind());
                text.append('.');
            }
            case 2 -> say(Words.capital(who) + " named " + g.name() + " was there.");
            default -> say(g.name() + " was " + who + ".");
        }
        if (g.home() != null) say(g.name() + " lived " + g.home().at() + ".");
        if (g.thing() != null) say(g.name() + " had " + Words.a(g.thing().bare()) + ".");
    }

    private void happen(List<Guest> two) {
        String a = two.get(0).name();
        String b = two.get(1).name();
        say(
                switch (dice.below(4)) {
                    case 0 -> a + " met " + b + " " + dice.pick(Words.PLACES).at() + ".";
                    case 1 -> "\"Hello, " + a + ",\" said " + b + ".";
                    case 2 -> a + " gave " + dice.pick(Words.FOODS).of(dice.between(2, 9)) + " to " + b + ".";
                    default -> a + " and " + b + " were friends.";
                });
    }

    private void ask(Guest g, List<Guest> all) {
        int way = dice.weighted(3, 3, g.home() == null ? 0 : 2, g.home() == null ? 0 : 2, g.thing() == null ? 0 : 2, 1);
        switch (way) {
            case 0 -> kind(g, Phrasings.perhapsParaphrased("What was " + g.name() + "?", dice));
            case 1 -> isIt(g, all);
            case 2 -> {
                question(Phrasings.perhapsParaphrased("Where did " + g.name() + " live?", dice));
                text.append(g.name()).append(" lived ");
                known(g.home().at());
                text.append('.');
            }
            case 3 -> {
                boolean yes = dice.chance(0.5);
                Place asked = yes ? g.home() : other(g, all).home();
                question("Did " + g.name() + " live " + asked.at() + "?");
                verdict(yes, g.name() + " lived ", g.home().at());
            }
            case 4 -> {
                question("Who had the " + g.thing().bare() + "?");
                known(g.name());
                text.append(" had the ").append(g.thing().bare()).append('.');
            }
            default -> kind(g, "Who or what was " + g.name() + "?");
        }
    }

    private void isIt(Guest g, List<Guest> all) {
        boolean yes = dice.chance(0.5);
        String asked = yes ? g.kind() : other(g, all).kind();
        question("Was " + g.name() + " " + Words.a(asked) + "?");
        verdict(asked.equals(g.kind()), g.name() + " was ", Words.a(g.kind()));
    }

    private void verdict(boolean yes, String before, String fact) {
        if (verdictFirst) {
            known(yes ? "Yes" : "No");
            text.append(", ");
        }
        text.append(before);
        known(fact);
        if (!verdictFirst) {
            text.append(", ");
            known(Question.verdict(yes));
        }
        text.append('.');
    }

    private Guest other(Guest g, List<Guest> all) {
        return dice.pick(all.stream().filter(x -> !x.equals(g)).toList());
    }

    /** States a person's kind, with or without a question: question and answer each on a line, as in a conversation. */
    private void kind(Guest g, String question) {
        if (!question.isEmpty()) text.append('\n').append(question);
        text.append('\n').append(g.name()).append(" was ");
        known(Words.a(g.kind()));
        text.append('.');
    }

    private void question(String asked) {
        text.append('\n').append(asked).append('\n');
    }

    private void say(String sentence) {
        if (text.charAt(text.length() - 1) != '\n') text.append(' ');
        text.append(sentence);
    }

    private Game game() {
        return new Game(text.toString(), List.copyOf(determined));
    }

    /** Words that follow from the text so far. */
    private void known(String words) {
        determined.add(new Span(text.length(), text.length() + words.length()));
        text.append(words);
    }
}
