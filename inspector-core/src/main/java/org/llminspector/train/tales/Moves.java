package org.llminspector.train.tales;

import org.llminspector.train.tales.Fact.Relation;

/** Moves are the steps that every plot is made of: going, meeting, asking, finding, gathering, giving. */
final class Moves {

    private final World world;
    private final Dice dice;
    private final Prose prose;

    Moves(World world) {
        this.world = world;
        this.dice = world.dice;
        this.prose = world.prose;
    }

    /** Goes there; nothing is told of one who is there already. */
    void go(Person who, Place to) {
        if (to.equals(world.at.put(who, to))) return;
        String how =
                switch (who.trait()) {
                    case "brave", "proud" -> "[walked|marched|ran]";
                    case "cheerful" -> "[ran|skipped|walked]";
                    case "lazy", "patient" -> "[walked slowly|went slowly|walked]";
                    case "shy", "careful" -> "[walked quietly|walked|went]";
                    default -> "[walked|ran|went]";
                };
        switch (dice.weighted(3, prose.sentences() > 3 ? 2 : 0, 1)) {
            case 0 -> prose.tell("{1} " + how + " to {2}.", who, to);
            case 1 -> prose.tell("[then|after that] {1} " + how + " to {2}.", who, to);
            default -> prose.tell("{1} " + how + " [down the road|along the path|over the grass] to {2}.", who, to);
        }
    }

    /** Comes upon somebody where they are, and learns the name of a stranger. */
    void meet(Person who, Person other) {
        go(who, world.at.get(other));
        Place here = world.at.get(other);
        boolean stranger = world.meets(other);
        if (!stranger) {
            prose.tell("[{1n} was there|{1n} was still there|there was {1n}].", other);
            return;
        }
        world.fact(Relation.MET, who, other.kind(), here, other, null);
        world.fact(Relation.WAS, other, other.kind(), null, null, null);
        int way = dice.weighted(3, 2, other.named() ? 3 : 0);
        switch (way) {
            case 0 -> prose.tell("There {1} met {2a}.", who, other);
            case 1 -> prose.tell("{2a} was [sitting|waiting|working|resting] there.", who, other);
            default -> {
                prose.tell("There {1} saw " + Words.a(other.trait() + " " + other.kind()) + ".", who);
                prose.tell("\"[Who are you|What is your name]?\" {1:asked}.", who);
                prose.tell("\"[I am|My name is] {1!},\" said the " + other.kind() + ".", other);
                if (dice.chance(0.4)) prose.tell("\"[And I am|I am] {1!},\" {1:said}.", who);
                return;
            }
        }
        if (dice.chance(0.35)) {
            prose.tell("\"[Hello|Good day], " + (other.named() ? "{2!}" : other.kind()) + ",\" {1:said}.", who, other);
            prose.tell("\"[Hello|Good day], {2!},\" {1:said}.", other, who);
        }
    }

    /** Says how somebody feels, and remembers when. */
    void feel(Person who, String feeling, String when) {
        prose.tell("{1} [was|felt] " + feeling + ".", who);
        world.fact(Relation.FELT, who, feeling, null, null, when);
    }

    /** Says how somebody feels, and remembers why. */
    void feelBecause(Person who, String feeling, String why) {
        prose.tell("{1} [was|felt] " + feeling + ".", who);
        world.fact(Relation.FELT_BECAUSE, who, feeling, null, null, why);
    }

    /** Finds a thing where it lies. */
    void find(Person who, Thing thing, Place where) {
        go(who, where);
        switch (dice.weighted(3, 2, 2)) {
            case 0 -> prose.tell("There {1} found {2}.", who, thing);
            case 1 -> {
                prose.tell("{1} [looked around|looked left and right|looked up and down] and saw {2}.", who, thing);
                prose.tell("{1} picked it up.", who);
            }
            default -> {
                prose.tell("{2} was [lying on the ground|under some leaves|next to a stone].", who, thing);
                prose.tell("{1n} [took it|picked it up].", who);
            }
        }
        world.fact(Relation.FOUND, who, thing, where, null, null);
    }

    /** Gathers so many, and counts. */
    void gather(Person who, Group group, Place where) {
        go(who, where);
        prose.tell("[|There ]{1} gathered {2}.", who, group);
        world.fact(Relation.GATHERED, who, group, where, null, null);
        if (group.count() > 1 && dice.chance(0.45)) {
            prose.tell("\"" + Words.countTo(group.count()) + ",\" {1} counted.", who);
        }
    }

    /** Hands over a thing. */
    void give(Person from, Thing thing, Person to) {
        prose.tell("{1} gave {2} to {3o}.", from, thing, to);
        world.fact(Relation.GAVE, from, thing, null, to, null);
    }

    /** Says a chant. */
    void chant(Person who, Chant chant) {
        prose.tell("[\"{2}!\" {1:said}.|{1} said, \"{2}!\"|{1} said it aloud: \"{2}!\"]", who, chant);
    }

    /**
     * Gets a thing from whoever holds it, by asking, by a trade, for fruit that has to be gathered first, or for words
     * that have to be said.
     *
     * @param depth how many more errands the errand may need
     */
    void get(Person who, Thing thing, Person holder, int depth) {
        meet(who, holder);
        prose.tell(
                "[\"Do you have {2a}?\" {1:asked}|\"May I have your {2b}?\" {1:asked}|\"I need {2a},\" {1:said}].",
                who,
                thing);
        earn(who, thing, holder, depth);
    }

    /** Gets back what is one's own. */
    void getBack(Person who, Thing thing, Person holder, int depth) {
        meet(who, holder);
        prose.tell("[\"Do you have my {2b}?\" {1:asked}|\"Please give me my {2b},\" {1:said}].", who, thing);
        prose.tell("\"[I found it {2at}|It was {2at}],\" {1:said}.", holder, world.newPlace());
        if (dice.chance(0.5)) earn(who, thing, holder, depth);
        else give(holder, thing, who);
    }

    private void earn(Person who, Thing thing, Person holder, int depth) {
        switch (depth > 0 ? dice.weighted(2, 3, 3, 3) : dice.weighted(2, 0, 0, 3)) {
            case 0 -> prose.tell("\"[Of course|Yes, you may have it|Take it|Here it is],\" {1:said}.", holder);
            case 1 -> {
                Thing price = world.newThing();
                prose.tell(
                        "\"[Bring me {2a} first|First I need {2a}|You may have it for {2a}],\" {1:said}.",
                        holder,
                        price);
                if (dice.chance(0.5)) find(who, price, world.newPlace());
                else get(who, price, world.somebody(who), depth - 1);
                go(who, world.at.get(holder));
                prose.tell("{1n} gave {2} to {3n}.", who, price, holder);
                world.fact(Relation.GAVE, who, price, null, holder, null);
            }
            case 2 -> {
                Group price = world.newGroup(Words.FOODS, 2, 9);
                prose.tell(
                        "\"[Bring me {2} first|First I want {2}|You may have it for {2}],\" {1:said}.", holder, price);
                gather(who, price, world.newPlace());
                go(who, world.at.get(holder));
                prose.tell("{1n} gave the {2} to {3n}.", who, price, holder);
                world.fact(Relation.GAVE, who, price, null, holder, null);
            }
            default -> {
                Chant words = world.newChant(dice.between(2, 4));
                prose.tell(
                        "\"First [say my magic words|you must say my magic words|say this],\" {1:said}. \"{2}!\"",
                        holder, words);
                world.fact(Relation.SAID, holder, words, null, null, "magic words");
                chant(who, words);
                prose.tell("{1n} [smiled|laughed|nodded].", holder);
            }
        }
        give(holder, thing, who);
    }

    /**
     * Looks for something where it is not.
     *
     * @param what a Person, or words for a thing
     */
    void searchInVain(Person who, Place where, Object what) {
        go(who, where);
        String missing = what instanceof Person ? "{2!}" : "{2}";
        prose.tell(
                "[{1} looked everywhere, but " + missing + " was not there|" + missing + " was not there].", who, what);
        if (dice.chance(0.5)) {
            Group seen = world.newGroup(Words.CREATURES, 2, 9);
            prose.tell("{1} [only saw|saw only] {2} {3at}.", who, seen, where);
            world.fact(Relation.SAW, who, seen, where, null, null);
        }
    }
}
