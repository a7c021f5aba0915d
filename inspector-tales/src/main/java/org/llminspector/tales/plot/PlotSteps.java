package org.llminspector.tales.plot;

import org.llminspector.tales.words.Chant;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.tales.words.Fact.Relation;
import org.llminspector.tales.words.Group;
import org.llminspector.tales.words.Person;
import org.llminspector.tales.words.Place;
import org.llminspector.tales.words.Thing;
import org.llminspector.tales.words.Words;

/** Steps that every plot consists of: going, meeting, asking, finding, gathering, giving. */
final class PlotSteps {

    private final World world;
    private final ChoiceSource dice;
    private final Prose prose;

    PlotSteps(World world) {
        this.world = world;
        this.dice = world.dice;
        this.prose = world.prose;
    }

    /** Goes there; writes nothing where the person is there already. */
    void go(Person who, Place to) {
        if (to.equals(world.at.put(who, to))) return;
        String how =
                switch (who.trait()) {
                    case "brave", "proud" -> "[walked|marched|ran]";
                    case "cheerful" -> "[ran|skipped|danced]";
                    case "lazy", "patient" -> "[walked slowly|walked]";
                    case "shy", "careful" -> "[walked quietly|walked]";
                    default -> "[walked|ran|went]";
                };
        switch (dice.weighted(3, prose.sentences() > 1 ? 2 : 0, 1)) {
            case 0 -> prose.write("{1} " + how + " to {2}.", who, to);
            case 1 -> prose.write("[then|soon] {1} " + how + " to {2}.", who, to);
            default -> prose.write("{1} " + how + " [down the road|along the path|over the grass] to {2}.", who, to);
        }
    }

    /** Meets a person at their place, and learns a stranger's name. */
    void meet(Person who, Person other) {
        Place here = world.at.get(other);
        go(who, here);
        if (!world.meets(other)) {
            prose.write("{1n} [was there|was still there].", other);
            return;
        }
        world.fact(Relation.MET, who, other.kind(), here, other, null);
        if (other.named()) world.fact(Relation.WAS, other, other.kind(), null, null, null);
        switch (other.named() ? dice.weighted(3, 2, 3) : dice.weighted(3, 2)) {
            case 0 -> prose.write("There {1} met {2a}.", who, other);
            case 1 -> prose.write("{2a} was [sitting|resting|singing|working] there.", who, other);
            default -> {
                prose.write("There {1} saw " + Words.a(other.trait() + " " + other.kind()) + ".", who);
                prose.write("\"[Who are you|What is your name]?\" {1:asked}.", who);
                prose.write("\"[I am|My name is] {1!},\" said the {1k}.", other);
                return;
            }
        }
        if (dice.chance(0.25)) {
            prose.write("\"[Hello|Good day], {2!},\" {1:said}.", who, other);
            prose.write("\"[Hello|Good day], {2!},\" {1:said}.", other, who);
        }
    }

    /** States a person's feeling, and records the reason. */
    void feel(Person who, String feeling, String why) {
        switch (feeling.equals("happy") ? dice.weighted(3, 1) : 0) {
            case 0 -> prose.write("{1} [was|felt] " + feeling + ".", who);
            default -> prose.write("{1} was so happy that {1s} [danced|sang|laughed].", who);
        }
        world.fact(Relation.FELT_BECAUSE, who, feeling, null, null, why);
    }

    /** Finds a thing at its place, mentioned before or not. */
    void find(Person who, Thing thing, Place where, boolean known) {
        go(who, where);
        String it = known ? "{2}" : "{2a}";
        switch (dice.weighted(3, 2, 2)) {
            case 0 -> prose.write("There {1} found " + it + ".", who, thing);
            case 1 -> {
                prose.write("{1} looked [around|left and right|up and down] and saw " + it + ".", who, thing);
                prose.write("{1} picked it up.", who);
            }
            default -> {
                prose.write(it + " was [lying on the ground|under some leaves|next to a stone].", who, thing);
                prose.write("{1n} [took it|picked it up].", who);
            }
        }
        world.fact(Relation.FOUND, who, thing, where, null, null);
    }

    /** Gathers a group, and counts it. */
    void gather(Person who, Group group, Place where) {
        go(who, where);
        prose.write("[|There ]{1} [gathered|found] {2}.", who, group);
        world.fact(Relation.GATHERED, who, group, where, null, null);
        if (group.count() > 1 && dice.chance(0.35)) {
            prose.write("\"{2=},\" {1} counted.", who, Words.countTo(group.count()));
        }
    }

    /** Hands over a thing. */
    void give(Person from, Thing thing, Person to) {
        prose.write("{1} gave {2} to {3p}.", from, thing, to);
        world.fact(Relation.GAVE, from, thing, null, to, null);
    }

    void thank(Person who, Person other) {
        prose.write("\"[Thank you, {2!}|You are a good friend, {2!}|You are so kind, {2!}],\" {1:said}.", who, other);
    }

    /** Says a chant verbatim. */
    void chant(Person who, Chant chant) {
        prose.write("[\"{2}!\" {1:said}.|{1} said, \"{2}!\"|{1} called, \"{2}!\"]", who, chant);
    }

    /** Gets a thing from its holder: as a gift, for fruit that has to be gathered first, or for a magic word. */
    void get(Person who, Thing thing, Person holder) {
        meet(who, holder);
        prose.write("\"[Do you have {2a}|May I have {2a}, please]?\" {1:asked}.", who, thing);
        earn(who, thing, holder);
    }

    void earn(Person who, Thing thing, Person holder) {
        switch (dice.weighted(3, 2, 2)) {
            case 0 -> prose.write("\"[Of course|Yes, you may have it|Here it is], {2!},\" {1:said}.", holder, who);
            case 1 -> {
                Group price = world.newGroup(Words.FOODS, 2, 9);
                prose.write("\"[Bring me {2} first|First I want {2}|Yes, for {2}],\" {1:said}.", holder, price);
                Place here = world.at.get(holder);
                gather(who, price, world.newPlace());
                go(who, here);
                prose.write("{1n} gave {2} to {3p}.", who, price, holder);
                world.fact(Relation.GAVE, who, price, null, holder, null);
            }
            default -> {
                Chant words = world.newChant(dice.between(3, 4));
                prose.write("\"First say my magic words,\" {1:said}. \"{2}!\"", holder, words);
                world.fact(Relation.SAID, holder, words, null, null, "magic words");
                chant(who, words);
                prose.write("{1n} [smiled|laughed|nodded].", holder);
            }
        }
        give(holder, thing, who);
    }

    /**
     * Searches a place that does not have it.
     *
     * @param what a Person or a Thing
     */
    void searchInVain(Person who, Place where, Object what) {
        go(who, where);
        String missing = what instanceof Person ? "{2p}" : "{2}";
        prose.write(
                "[{1} looked everywhere, but " + missing + " was not there|" + missing + " was not there].", who, what);
        if (dice.chance(0.4)) {
            Group seen = world.newGroup(Words.CREATURES, 2, 9);
            prose.write("{1} [only saw|saw only] {2}.", who, seen);
            world.fact(Relation.SAW, who, seen, where, null, null);
        }
    }
}
