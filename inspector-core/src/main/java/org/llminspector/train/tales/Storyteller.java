package org.llminspector.train.tales;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.train.tales.Fact.Relation;

/** Storyteller begins a story, plays plots until it is long enough, and brings it to an end. */
final class Storyteller {

    private final World world;
    private final Dice dice;
    private final Prose prose;
    private final Moves moves;

    Storyteller(Dice dice) {
        this.dice = dice;
        this.world = new World(dice);
        this.prose = world.prose;
        this.moves = new Moves(world);
    }

    Tale tell() {
        int depth = dice.weighted(3, 3, 1);
        int aim = dice.between(40, 130);
        Place home = world.newPlace();
        Person hero = world.newNamed(home);
        Person mate = dice.chance(0.4) ? world.newPerson(home) : null;
        begin(hero, home, mate);
        Plots plots = new Plots(world, moves, hero, depth);
        List<Integer> left = new ArrayList<>();
        for (int i = 0; i < Plots.COUNT; i++) left.add(i);
        do {
            prose.paragraph();
            plots.play(left.remove(dice.below(left.size())));
        } while (prose.words() < aim);
        prose.paragraph();
        end(hero, home, mate);
        return new Tale(
                prose.toString(),
                prose.words(),
                dice.bits(),
                List.copyOf(world.cast),
                List.copyOf(world.places),
                List.copyOf(world.facts));
    }

    private void begin(Person hero, Place home, Person mate) {
        switch (dice.below(4)) {
            case 0 -> {
                prose.tell("[Once there was|Once upon a time there was|There once was] {1a}.", hero);
                prose.tell("{1} lived {2at}.", hero, home);
            }
            case 1 -> prose.tell("[Once upon a time|Long ago|Once], {1a} lived {2at}.", hero, home);
            case 2 -> prose.tell("{2at} lived {1a}.", hero, home);
            default -> {
                prose.tell("{1n} was " + Words.a(hero.trait() + " " + hero.kind()) + ".", hero);
                prose.tell("{1} lived {2at}.", hero, home);
            }
        }
        world.meets(hero);
        world.fact(Relation.LIVED, hero, null, home, null, null);
        world.fact(Relation.WAS, hero, hero.kind(), null, null, null);
        if (dice.chance(0.6)) prose.tell(nature(hero), hero);
        if (mate != null) {
            prose.tell("{2a} lived there too.", hero, mate);
            world.meets(mate);
            world.fact(Relation.LIVED, mate, null, home, null, null);
            world.fact(Relation.WAS, mate, mate.kind(), null, null, null);
        }
    }

    private static String nature(Person p) {
        return switch (p.trait()) {
            case "brave" -> "{1} was not afraid of [anything|the dark|big animals].";
            case "shy" -> "{1} did not [talk much|like loud places].";
            case "kind" -> "{1} liked to help [everyone|others].";
            case "clever" -> "{1} [could solve any riddle|always had a good idea].";
            case "curious" -> "{1} [asked many questions|wanted to know everything].";
            case "cheerful" -> "{1} [laughed all day long|was never sad for long].";
            case "lazy" -> "{1} liked to sleep [late|in the sun].";
            case "gentle" -> "{1} had a soft voice.";
            case "patient" -> "{1} could wait for a long time.";
            case "careful" -> "{1} always looked twice.";
            case "forgetful" -> "{1} often forgot things.";
            default -> "{1} liked to be the best.";
        };
    }

    private void end(Person hero, Place home, Person mate) {
        if (mate != null || dice.chance(0.5)) {
            moves.go(hero, home);
            if (mate != null && dice.chance(0.8)) report(hero, mate);
        }
        switch (dice.below(5)) {
            case 0 -> prose.tell("That night {1n} slept well.", hero);
            case 1 -> prose.tell("It was a [good|long|happy] day for {1n}.", hero);
            case 2 -> prose.tell("{1n} never forgot that day.", hero);
            case 3 -> {
                Fact met = last(Relation.MET);
                if (met == null || !met.other().named()) prose.tell("{1n} smiled and went to bed.", hero);
                else prose.tell("From that day on, {1n} and {2n} were [friends|good friends].", hero, met.other());
            }
            default -> {}
        }
    }

    private Fact last(Relation relation) {
        Fact found = null;
        for (Fact f : world.facts) if (f.relation() == relation) found = f;
        return found;
    }

    /** The one at home asks what happened. */
    private void report(Person hero, Person mate) {
        List<Fact> askable = new ArrayList<>();
        for (Fact f : world.facts) {
            boolean his = f.who().equals(hero);
            boolean fits =
                    switch (f.relation()) {
                        case FOUND, GATHERED, SAW -> his;
                        case GAVE -> f.other().equals(hero) && !f.who().equals(mate);
                        case MET -> his && !f.other().equals(mate);
                        case SAID -> !f.who().equals(mate);
                        default -> false;
                    };
            if (fits) askable.add(f);
        }
        int asked = Math.min(askable.size(), dice.weighted(0, 3, 2));
        for (Fact f : dice.several(askable, asked)) {
            switch (f.relation()) {
                case FOUND -> {
                    prose.tell("\"Where did you find {2}?\" {1:asked}.", mate, f.what());
                    prose.tell("\"[It was|I found it] {2at},\" {1:said}.", hero, f.where());
                }
                case GATHERED -> {
                    prose.tell("\"How many {2k} did you gather?\" {1:asked}.", mate, f.what());
                    prose.tell("\"[I gathered|There were] {2},\" {1:said}.", hero, f.what());
                }
                case SAW -> {
                    prose.tell("\"What did you see {2at}?\" {1:asked}.", mate, f.where());
                    prose.tell("\"I saw {2},\" {1:said}.", hero, f.what());
                }
                case GAVE -> {
                    prose.tell("\"Who gave you {2}?\" {1:asked}.", mate, f.what());
                    prose.tell("\"{2!} gave it to me,\" {1:said}.", hero, f.who());
                }
                case MET -> {
                    prose.tell("\"Who did you meet {2at}?\" {1:asked}.", mate, f.where());
                    prose.tell("\"I met {2!},\" {1:said}.", hero, f.other());
                }
                default -> {
                    prose.tell("\"What did you learn?\" {1:asked}.", mate);
                    prose.tell("\"[I learned to say: {2}|I can say: {2}],\" {1:said}.", hero, f.what());
                }
            }
        }
    }
}
