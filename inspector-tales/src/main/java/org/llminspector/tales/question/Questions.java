package org.llminspector.tales.question;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToIntFunction;
import java.util.stream.Stream;
import org.llminspector.tales.plot.Tale;
import org.llminspector.tales.question.Question.Kind;
import org.llminspector.tales.words.Chant;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.tales.words.Fact;
import org.llminspector.tales.words.Group;
import org.llminspector.tales.words.Person;
import org.llminspector.tales.words.Place;
import org.llminspector.tales.words.Thing;
import org.llminspector.tales.words.Words;

/** All questions about one story that it answers unambiguously. */
public final class Questions {

    private static final List<String> FEELINGS =
            List.of("happy", "sad", "angry", "afraid", "worried", "proud", "tired", "surprised");

    private final Tale tale;
    private final ChoiceSource dice;
    private final boolean inStoryWords;
    private final List<Question> all = new ArrayList<>();

    private Questions(Tale tale, ChoiceSource dice, boolean asTold) {
        this.tale = tale;
        this.dice = dice;
        this.inStoryWords = asTold;
    }

    /** Questions in the order of the story; the dice choose how each is phrased. */
    public static List<Question> of(Tale tale, ChoiceSource dice) {
        return of(tale, dice, false);
    }

    /**
     * The same, but questions of number use the story's own words, "found" and "went into the pot", where quizzes and
     * the tokenizer's texts say "gathered" for both.
     */
    public static List<Question> inStoryWords(Tale tale, ChoiceSource dice) {
        return of(tale, dice, true);
    }

    private static List<Question> of(Tale tale, ChoiceSource dice, boolean asTold) {
        Questions q = new Questions(tale, dice, asTold);
        for (Fact f : tale.facts()) q.ask(f);
        Map<String, Set<String>> keys = new HashMap<>();
        for (Question x : q.all)
            keys.computeIfAbsent(x.text(), t -> new HashSet<>()).add(x.key());
        Set<String> asked = new HashSet<>();
        return q.all.stream()
                .filter(x -> keys.get(x.text()).size() == 1
                        && asked.add(x.text())
                        && !x.wrong().isEmpty())
                .toList();
    }

    /**
     * A drawn question. Kinds are equally likely, except that number, yes-or-no and what-was are more frequent: they are
     * learned last.
     */
    public static Question drawn(List<Question> all, ChoiceSource dice) {
        return drawn(all, dice, kind -> switch (kind) {
            case HOW_MANY, YES_NO -> 4;
            case WHAT -> 2;
            default -> 1;
        });
    }

    /** A question drawn by the weights of the kinds that there are. */
    public static Question drawn(List<Question> all, ChoiceSource dice, ToIntFunction<Kind> weight) {
        int[] weights = new int[Kind.values().length];
        for (Question q : all) weights[q.kind().ordinal()] = weight.applyAsInt(q.kind());
        Kind kind = Kind.values()[dice.weighted(weights)];
        return dice.pick(all.stream().filter(q -> q.kind() == kind).toList());
    }

    private void ask(Fact f) {
        String who = f.who().name();
        switch (f.relation()) {
            case LIVED -> {
                if (f.other() != null)
                    person("Who lived with " + who + "?", "", f.other(), " lived with " + who + ".", f.who());
                where("Where did " + who + " live?", who + " lived " + f.where().at() + ".", f.where());
                yesNo("Did " + who + " live ", who + " lived ", f.where());
            }
            case WAS -> {
                String kind = (String) f.what();
                List<String> other = f.who().named() && !kind.equals("girl") && !kind.equals("boy")
                        ? Words.ANIMALS
                        : List.of("fox", "bear", "mouse", "frog");
                if (!f.who().named()) return;
                add(
                        Kind.WHAT,
                        "What was " + who + "?",
                        who + " was " + Words.a(kind) + ".",
                        Words.a(kind),
                        other.stream().map(Words::a));
                boolean yes = dice.chance(0.5);
                String asked = yes
                        ? kind
                        : dice.pick(other.stream().filter(k -> !k.equals(kind)).toList());
                answer(yes, "Was " + who + " " + Words.a(asked) + "?", who + " was " + Words.a(kind) + ".");
            }
            case MET -> {
                where(
                        "Where did " + who + " meet " + f.other().name() + "?",
                        who + " met " + f.other().name() + " " + f.where().at() + ".",
                        f.where());
                person(
                        "Who did " + who + " meet " + f.where().at() + "?",
                        who + " met ",
                        f.other(),
                        " " + f.where().at() + ".",
                        f.who());
            }
            case FOUND -> {
                String found = who + " found " + f.what() + " ";
                where(
                        "Where did " + who + " find " + f.what() + "?",
                        found + f.where().at() + ".",
                        f.where());
                thing(
                        "What did " + who + " find " + f.where().at() + "?",
                        who + " found ",
                        f.what(),
                        " " + f.where().at() + ".");
                if (f.other() == null)
                    person("Who found " + f.what() + "?", "", f.who(), " found " + f.what() + ".", null);
                yesNo("Did " + who + " find " + f.what() + " ", found, f.where());
            }
            case GATHERED -> {
                Group g = (Group) f.what();
                String find = inStoryWords ? "find" : "gather";
                String found = who + (inStoryWords ? " found " : " gathered ");
                if (inStoryWords && f.detail() != null)
                    count("How many " + g.many() + " went into " + f.detail() + "?", "", " went into " + f.detail(), g);
                else count("How many " + g.many() + " did " + who + " " + find + "?", found, g);
                where(
                        "Where did " + who + " " + find + " the " + g.many() + "?",
                        found + "the " + g.many() + " " + f.where().at() + ".",
                        f.where());
            }
            case GAVE -> gave(f, who, f.other().name());
            case LEFT -> {
                Group left = (Group) f.what();
                if (f.detail() == null)
                    count("How many " + left.many() + " did " + who + " have left?", who + " had ", " left", left);
                else count("How many " + left.many() + " were there in the end?", "There were ", " in the end", left);
            }
            case NEEDED -> {
                Thing t = (Thing) f.what();
                String needed = Words.a(t.noun());
                add(
                        Kind.WHAT,
                        "What did " + who + " need?",
                        who + " needed " + needed + ".",
                        needed,
                        things().map(x -> Words.a(x.noun())));
                String purpose = Words.about(f.who(), f.detail());
                add(
                        Kind.WHY,
                        "Why did " + who + " need " + needed + "?",
                        who + " needed " + needed + " to " + purpose + ".",
                        purpose,
                        Words.THINGS.stream().map(x -> Words.about(f.who(), x.purpose())));
            }
            case SAID -> {
                boolean song = f.detail().equals("song");
                add(
                        Kind.SAY,
                        song ? "What did " + who + " sing?" : "What were the magic words of " + who + "?",
                        (song ? who + " sang: " : "The magic words of " + who + " were: ") + f.what() + "!",
                        f.what().toString(),
                        chants());
            }
            case FELT_BECAUSE -> {
                add(
                        Kind.FEELING,
                        "How did " + who + " feel when " + f.detail() + "?",
                        who + " felt " + f.what() + ".",
                        (String) f.what(),
                        FEELINGS.stream());
                add(
                        Kind.WHY,
                        "Why was " + who + " " + f.what() + "?",
                        who + " was " + f.what() + " because " + f.detail() + ".",
                        f.detail(),
                        reasons(f));
            }
            case SAW -> {
                Group g = (Group) f.what();
                count("How many " + g.many() + " did " + who + " see?", who + " saw ", g);
                add(
                        Kind.WHAT,
                        "What did " + who + " see " + f.where().at() + "?",
                        who + " saw " + g + ".",
                        g.toString(),
                        groups(g));
            }
            case HID -> {
                where("Where did " + who + " hide?", who + " hid " + f.where().at() + ".", f.where());
                yesNo("Did " + who + " hide ", who + " hid ", f.where());
            }
            case WON -> {
                person(
                        "Who was the first " + f.where().at() + "?",
                        "",
                        f.who(),
                        " was the first " + f.where().at() + ".",
                        null);
                where(
                        "Where did " + who + " and " + f.other().name() + " run?",
                        who + " and " + f.other().name() + " ran to the place "
                                + f.where().at() + ".",
                        f.where());
            }
            case WROTE -> person("Who wrote the letter?", "", f.who(), " wrote the letter.", f.other());
            case PULLED -> person("Whom did " + who + " pull?", who + " pulled ", f.other(), ".", f.who());
            case LOST -> thing("What did " + who + " lose?", who + " lost ", f.what(), ".");
            default -> throw new IllegalStateException("no question about " + f.relation());
        }
    }

    private void gave(Fact f, String who, String to) {
        if (f.what() instanceof Group g) {
            count("How many " + g.many() + " did " + who + " give to " + to + "?", who + " gave ", " to " + to, g);
            return;
        }
        person(
                "Who gave " + f.what() + " to " + to + "?",
                "",
                f.who(),
                " gave " + f.what() + " to " + to + ".",
                f.other());
        thing("What did " + who + " give to " + to + "?", who + " gave ", f.what(), " to " + to + ".");
        List<Person> others = tale.cast().stream()
                .filter(p -> !p.equals(f.who()) && !p.equals(f.other()))
                .toList();
        if (others.isEmpty()) return;
        boolean yes = dice.chance(0.5);
        String asked = yes ? to : dice.pick(others).name();
        boolean both = tale.facts().stream()
                .anyMatch(x -> x.relation() == f.relation()
                        && x.what().equals(f.what())
                        && x.other().name().equals(asked)
                        && !yes);
        if (!both)
            answer(
                    yes,
                    "Did " + who + " give " + f.what() + " to " + asked + "?",
                    who + " gave " + f.what() + " to " + to + ".");
    }

    private void where(String question, String answer, Place truth) {
        add(Kind.WHERE, question, answer, truth.at(), tale.places().stream().map(Place::at));
    }

    private void person(String question, String before, Person truth, String after, Person notHim) {
        add(
                Kind.WHO,
                question,
                before + truth.name() + after,
                truth.name(),
                tale.cast().stream().filter(p -> !p.equals(notHim)).map(Person::name));
    }

    private void thing(String question, String before, Object truth, String after) {
        add(Kind.WHAT, question, before + truth + after, truth.toString(), things().map(Thing::toString));
    }

    private void count(String question, String before, Group truth) {
        count(question, before, "", truth);
    }

    private void count(String question, String before, String after, Group truth) {
        add(
                Kind.HOW_MANY,
                question,
                before + truth + after + ".",
                truth.toString(),
                Stream.iterate(1, n -> n <= 12, n -> n + 1).map(n -> truth.of(n).toString()));
    }

    private void yesNo(String question, String before, Place truth) {
        List<Place> others =
                tale.places().stream().filter(p -> !p.equals(truth)).toList();
        if (others.isEmpty()) return;
        boolean yes = dice.chance(0.5);
        answer(yes, question + (yes ? truth : dice.pick(others)).at() + "?", before + truth.at() + ".");
    }

    private void answer(boolean yes, String question, String sentence) {
        String verdict = Question.verdict(yes);
        String fact = sentence.substring(0, sentence.length() - 1);
        add(
                Kind.YES_NO,
                question,
                fact + ", " + verdict + ".",
                verdict,
                Stream.of(Question.verdict(true), Question.verdict(false)));
    }

    private void add(Kind kind, String question, String answer, String key, Stream<String> alternatives) {
        List<String> wrong = alternatives.filter(x -> !x.equals(key)).distinct().toList();
        all.add(new Question(kind, Words.capital(question), answer, key, wrong));
    }

    private Stream<Thing> things() {
        return tale.facts().stream()
                .map(Fact::what)
                .filter(Thing.class::isInstance)
                .map(Thing.class::cast);
    }

    private Stream<String> groups(Group truth) {
        return Stream.of(
                        truth.of(truth.count() == 12 ? 3 : truth.count() + 1),
                        truth.of(truth.count() == 1 ? 5 : truth.count() - 1))
                .map(Group::toString);
    }

    private Stream<String> chants() {
        Stream<String> told = tale.facts().stream()
                .filter(f -> f.relation() == Fact.Relation.SAID)
                .map(f -> f.what().toString());
        return Stream.concat(told, Stream.of(new Chant(dice.several(Words.MAGIC, 3)).toString()));
    }

    private Stream<String> reasons(Fact truth) {
        return Stream.concat(
                tale.facts().stream()
                        .filter(f -> f.relation() == Fact.Relation.FELT_BECAUSE
                                && f.who().equals(truth.who()))
                        .map(Fact::detail),
                Stream.of(
                        truth.who().subject() + " lost " + truth.who().possessive() + " hat",
                        truth.who().subject() + " wanted to go home"));
    }
}
