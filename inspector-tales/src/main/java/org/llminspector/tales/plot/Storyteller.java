package org.llminspector.tales.plot;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.tales.words.Fact;
import org.llminspector.tales.words.Fact.Relation;
import org.llminspector.tales.words.Group;
import org.llminspector.tales.words.Person;
import org.llminspector.tales.words.Place;
import org.llminspector.tales.words.Words;

/** Generator of one story: a beginning, plots until it is long enough, an end. */
public final class Storyteller {

    /** Most questions at the end of a story. */
    private static final int QUESTIONS = 3;

    private static final int MANY_QUESTIONS = 5;

    private final World world;
    private final ChoiceSource dice;
    private final Prose prose;
    private final PlotSteps moves;

    public Storyteller(ChoiceSource dice) {
        this.dice = dice;
        this.world = new World(dice);
        this.prose = world.prose;
        this.moves = new PlotSteps(world);
    }

    /**
     * The story of these dice.
     *
     * @param curious whether the story has facts that are hard to remember, and its end asks about all of them
     * @param counted whether {@link Prose#counted} are the spans that count more, and the choices are recorded
     */
    public Tale tell(boolean curious, boolean counted) {
        int aim = dice.between(50, 100);
        Place home = world.newHome();
        Person hero = world.newNamed(home);
        Person mate = world.newFamily(home);
        begin(hero, home, mate);
        Scene scene = new Scene(world, moves, hero, mate, home);
        Plots plots = new Plots(scene);
        List<Integer> left = IntStream.range(0, Plots.COUNT).boxed().collect(Collectors.toCollection(ArrayList::new));
        do {
            prose.paragraph();
            if (curious && left.size() == Plots.COUNT) plots.playHard(left);
            else plots.play(left);
        } while (prose.words() < aim);
        prose.paragraph();
        end(scene, hero, mate, curious);
        return new Tale(
                prose.toString(),
                prose.words(),
                dice.bits(),
                counted ? prose.counted() : prose.determined(),
                counted ? prose.choices() : List.of(),
                List.copyOf(world.cast),
                List.copyOf(world.places),
                List.copyOf(world.facts));
    }

    private void begin(Person hero, Place home, Person mate) {
        String house = Words.a(dice.pick(Words.HOUSES) + " " + dice.pick(List.of("house", "hut", "cottage")));
        switch (dice.below(4)) {
            case 0 -> {
                prose.write("[Once there was|Once upon a time there was|There once was] {1a}.", hero);
                prose.write("{1} lived in " + house + " {2at} with {3p}.", hero, home, mate);
            }
            case 1 ->
                prose.write(
                        "[Once upon a time|Long ago], {1a} lived in " + house + " {2at} with {3p}.", hero, home, mate);
            case 2 -> prose.write("In " + house + " {2at} lived {1a} and {3p}.", hero, home, mate);
            default -> {
                prose.write("{1n} was " + Words.a(hero.trait() + " " + hero.kind()) + ".", hero);
                prose.write("{1} lived in " + house + " {2at} with {3p}.", hero, home, mate);
            }
        }
        world.meets(hero);
        world.meets(mate);
        world.fact(Relation.LIVED, hero, null, home, mate, null);
        world.fact(Relation.WAS, hero, hero.kind(), null, null, null);
        if (dice.chance(0.6)) prose.write(nature(hero), hero);
    }

    private static String nature(Person p) {
        return switch (p.trait()) {
            case "brave" -> "{1} was not afraid of [anything|the dark|big animals].";
            case "shy" -> "{1} did not [talk much|like loud places].";
            case "kind" -> "{1} liked to help [everyone|others].";
            case "clever" -> "{1} [knew every riddle|always had a good idea].";
            case "curious" -> "{1} [asked a hundred questions a day|wanted to know everything].";
            case "cheerful" -> "{1} [laughed all day long|was never sad for long].";
            case "lazy" -> "{1} liked to sleep [late|in the sun].";
            case "gentle" -> "{1} had a soft voice.";
            case "patient" -> "{1} could wait for a long time.";
            case "careful" -> "{1} always looked twice.";
            case "forgetful" -> "{1} often forgot things.";
            default -> "{1} liked to be the best.";
        };
    }

    private void end(Scene scene, Person hero, Person mate, boolean curious) {
        boolean asked = curious || dice.chance(0.75);
        if (asked) {
            scene.homeward();
            report(hero, mate, curious);
        }
        switch (dice.below(asked ? 6 : 5)) {
            case 0 -> prose.write("That night {1n} slept well.", hero);
            case 1 -> prose.write("It was a [good|long|happy] day for {1n}.", hero);
            case 2 -> prose.write("{1n} never forgot that day.", hero);
            case 3 -> {
                Fact met = last(Relation.MET);
                if (met == null || !met.other().named()) prose.write("{1n} smiled and went to bed.", hero);
                else prose.write("From that day on, {1n} and {2p} were [friends|good friends].", hero, met.other());
            }
            case 4 -> prose.write("And {1n} had a [good|strange|long] dream that night.", hero);
            default -> prose.write("\"Good night, {2!},\" {1:said}.", mate, hero);
        }
    }

    private Fact last(Relation relation) {
        Fact found = null;
        for (Fact f : world.facts) if (f.relation() == relation) found = f;
        return found;
    }

    /** The family member at home asks what happened. */
    private void report(Person hero, Person mate, boolean curious) {
        List<Fact> askable = new ArrayList<>();
        for (Fact f : world.facts) {
            boolean his = f.who().equals(hero);
            boolean fits =
                    switch (f.relation()) {
                        case FOUND, GATHERED, SAW, LOST, FELT_BECAUSE -> his;
                        case GAVE -> !f.who().equals(mate) && !f.other().equals(mate);
                        case MET -> his;
                        case SAID -> !f.who().equals(hero);
                        case PULLED -> f.other().equals(hero);
                        case WON, WROTE -> true;
                        default -> false;
                    };
            if (fits) askable.add(f);
        }
        int asked = Math.min(askable.size(), curious ? MANY_QUESTIONS : dice.between(1, QUESTIONS));
        for (Fact f : dice.several(askable, asked)) report(f, hero, mate);
    }

    private void report(Fact f, Person hero, Person mate) {
        switch (f.relation()) {
            case FOUND -> {
                prose.write("\"Where did you find {2}?\" {1:asked}.", mate, f.what());
                prose.write("\"{2at=},\" {1:said}.", hero, f.where());
            }
            case GATHERED -> {
                prose.write("\"How many {2k} did you find?\" {1:asked}.", mate, f.what());
                prose.write("\"{2=},\" {1:said}.", hero, f.what());
            }
            case SAW -> {
                prose.write("\"What did you see {2at}?\" {1:asked}.", mate, f.where());
                prose.write("\"{2=},\" {1:said}.", hero, f.what());
            }
            case LOST -> {
                prose.write("\"What did you lose?\" {1:asked}.", mate);
                prose.write("\"My {2k=},\" {1:said}.", hero, f.what());
            }
            case FELT_BECAUSE -> {
                prose.write("\"Why were you " + f.what() + "?\" {1:asked}.", mate);
                prose.write("\"Because {2=},\" {1:said}.", hero, Words.own(hero, f.detail()));
            }
            case GAVE -> {
                if (f.other().equals(hero)) {
                    prose.write("\"Who gave you {2}?\" {1:asked}.", mate, f.what());
                    prose.write("\"{2p=},\" {1:said}.", hero, f.who());
                } else if (f.what() instanceof Group) {
                    prose.write("\"Who got {2}?\" {1:asked}.", mate, f.what());
                    prose.write("\"{2p=},\" {1:said}.", hero, f.other());
                } else {
                    prose.write("\"Who has {2} now?\" {1:asked}.", mate, f.what());
                    prose.write("\"{2p=} has it,\" {1:said}.", hero, f.other());
                }
            }
            case MET -> {
                prose.write("\"Who did you meet {2at}?\" {1:asked}.", mate, f.where());
                prose.write("\"{2p=},\" {1:said}.", hero, f.other());
            }
            case WON -> {
                prose.write("\"Who was the first?\" {1:asked}.", mate);
                if (f.who().equals(hero)) prose.write("\"I was the first,\" {1:said}.", hero);
                else prose.write("\"{2p=} was the first,\" {1:said}.", hero, f.who());
            }
            case PULLED -> {
                prose.write("\"Who helped you?\" {1:asked}.", mate);
                prose.write("\"{2p=} helped me,\" {1:said}.", hero, f.who());
            }
            case WROTE -> {
                prose.write("\"Who wrote the letter?\" {1:asked}.", mate);
                prose.write("\"{2p=},\" {1:said}.", hero, f.who());
            }
            default -> {
                prose.write("\"What did you learn?\" {1:asked}.", mate);
                prose.write("\"{2=}!\" {1:said}.", hero, f.what());
            }
        }
    }
}
