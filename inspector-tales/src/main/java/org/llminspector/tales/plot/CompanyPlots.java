package org.llminspector.tales.plot;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.tales.words.Chant;
import org.llminspector.tales.words.Fact.Relation;
import org.llminspector.tales.words.Group;
import org.llminspector.tales.words.Person;
import org.llminspector.tales.words.Place;
import org.llminspector.tales.words.Thing;
import org.llminspector.tales.words.Words;

/** Plots of people with each other: games, songs and magic words, quarrels, help. */
final class CompanyPlots extends Scene {

    CompanyPlots(Scene scene) {
        super(scene);
    }

    void door() {
        Place where = world.newPlace();
        openDay();
        moves.go(hero, where);
        String door = dice.pick(List.of("stone door", "wooden door", "heavy chest", "iron gate"));
        prose.write("There {1} [saw|found] " + Words.a(door) + " that did not open.", hero);
        String it = "the " + door.split(" ")[1];
        Person teacher = world.anyone(hero);
        moves.meet(hero, teacher);
        prose.write("\"How can I open " + it + " {2at}?\" {1:asked}.", hero, where);
        Chant words = world.newChant(dice.between(3, 5));
        prose.write("\"Only magic words can open it,\" {1:said}. \"{2}!\"", teacher, words);
        world.fact(Relation.SAID, teacher, words, null, null, "magic words");
        prose.paragraph();
        if (dice.chance(0.5)) prose.write("[All the way|On the way] {1} said, \"{2}! {2}!\"", hero, words);
        moves.go(hero, where);
        moves.chant(hero, words);
        if (dice.chance(0.5)) {
            Group inside = world.newGroup(Words.FINDS, 2, 12);
            prose.write(it + " [opened|opened slowly], and {1} saw {2} inside.", hero, inside);
            world.fact(Relation.SAW, hero, inside, where, null, null);
        } else {
            Thing inside = world.newThing();
            prose.write(it + " [opened|opened slowly], and {1} found {2a} inside.", hero, inside);
            world.fact(Relation.FOUND, hero, inside, where, null, null);
        }
        moves.feel(hero, dice.pick(List.of("proud", "happy", "surprised")), it + " opened");
    }

    void hideAndSeek() {
        Person friend = visitor();
        prose.write("\"[Let us play hide and seek|You hide and I will look for you], {2!},\" {1:said}.", hero, friend);
        int count = dice.between(4, 10);
        prose.write("{1} closed {1's} eyes and counted: \"{2}!\"", hero, Words.countTo(count));
        Place hidden = world.newPlace();
        for (int i = dice.weighted(1, 3, 1); i > 0; i--) moves.searchInVain(hero, world.newPlace(), friend);
        moves.go(hero, hidden);
        world.at.put(friend, hidden);
        prose.write("[{2p} was hiding there|There was {2p}|There {1} heard {2p} laugh].", hero, friend);
        prose.write("\"[I found you|I see you|There you are], {2!}!\" {1:cried}.", hero, friend);
        world.fact(Relation.HID, friend, null, hidden, null, null);
        if (dice.chance(0.5)) prose.write("\"You are good at this game, {2!},\" {1:said}.", friend, hero);
        moves.feel(hero, dice.pick(List.of("happy", "proud")), hero.subject() + " found " + friend.name());
    }

    void song() {
        openDay();
        Person singer = world.anyone(hero);
        moves.meet(hero, singer);
        Chant song = new Chant(world.newChant(dice.between(4, 6)).words());
        prose.write("{1n} [sang|was singing] a song: \"{2}!\"", singer, song);
        world.fact(Relation.SAID, singer, song, null, null, "song");
        prose.write("\"[Please teach me your song|I want to learn it|What a song], {2!},\" {1:said}.", hero, singer);
        prose.write("{1n} sang it again: \"{2}!\"", singer, song);
        prose.write("Then {1n} sang it too: \"{2}!\"", hero, song);
        moves.feel(hero, dice.pick(List.of("happy", "proud")), hero.subject() + " knew the song");
        if (dice.chance(0.4)) prose.write("[All day|All evening] {1} sang, \"{2}!\"", hero, song);
    }

    void quarrel() {
        Person other = visitor();
        Thing thing = world.newThing();
        Place where = world.newPlace();
        prose.write("{1n} and {2p} went to {3}.", hero, other, where);
        world.at.put(hero, where);
        world.at.put(other, where);
        prose.write("There they [found|saw] {1a}.", thing);
        prose.all();
        prose.write("\"[It is mine|I saw it first]! I need it to " + thing.purpose() + ",\" {1:said}.", hero);
        prose.write("\"[No, it is mine|No, I saw it first], {2!},\" {1:said}.", other, hero);
        moves.feel(other, "angry", hero.name() + " wanted " + thing);
        switch (dice.below(3)) {
            case 0 -> {
                Person judge = world.newNeighbour(where);
                prose.write("{1a} heard them.", judge);
                world.meets(judge);
                prose.write("\"Today {2!} may have it, and tomorrow {3!} may have it,\" {1:said}.", judge, other, hero);
            }
            case 1 -> prose.write("\"[You may have it today|Take it first], {2!},\" {1:said}.", hero, other);
            default -> {
                prose.write("Then {1n} had to laugh.", hero);
                prose.write("\"We look like two [hens|cats|crows]. You take it, {2!},\" {1:said}.", hero, other);
            }
        }
        moves.give(hero, thing, other);
        moves.feel(other, "happy", other.subject() + " got " + thing);
    }

    /** Something is too heavy for one, two or three: each pulls the one before. */
    void cart() {
        String heavy = dice.pick(Words.HEAVY);
        Place where = world.newPlace();
        openDay();
        moves.go(hero, where);
        prose.write("There lay " + Words.a(dice.pick(List.of("big", "heavy", "old")) + " " + heavy) + ".");
        prose.write("{1n} wanted to take it home.", hero);
        prose.write("{1n} pulled the " + heavy + ", but it did not move.", hero);
        List<Person> pulling = new ArrayList<>(List.of(hero));
        int helpers = dice.weighted(0, 3, 2, 1);
        String chain = "{1p} pulled the " + heavy;
        for (int i = 1; i <= helpers; i++) {
            Person before = pulling.get(pulling.size() - 1);
            Person helper = world.newNamed(where);
            world.meets(helper);
            prose.write("[Then {1a} came|{1a} came to help].", helper);
            world.fact(Relation.WAS, helper, helper.kind(), null, null, null);
            world.fact(Relation.PULLED, helper, heavy, null, before, null);
            pulling.add(helper);
            StringBuilder all = new StringBuilder();
            for (int p = pulling.size(); p > 1; p--) {
                all.append("{").append(p).append("p} pulled {").append(p - 1).append(p == 2 ? "p}, and " : "p}, ");
            }
            String end = i < helpers ? ", but it did not move." : ", and it moved!";
            prose.write(all + chain + end, pulling.toArray());
        }
        prose.write("\"[We did it|Together we are strong], {2!},\" {1:said}.", hero, pulling.get(helpers));
        moves.feel(hero, dice.pick(List.of("proud", "happy")), "the " + heavy + " moved");
    }

    private static final List<String[]> JOKES = List.of(
            new String[] {"Why did the snail stay at home", "It was at home already"},
            new String[] {"Why does the hedgehog never buy a needle", "He has enough of them"},
            new String[] {"Why does the turtle love the rain", "Her roof is always with her"},
            new String[] {"Who sleeps with shoes on", "The pony does"},
            new String[] {"Why is the moon so quiet", "It listens to the owls"},
            new String[] {"What did the pot say to the spoon", "You always stir up trouble"},
            new String[] {"Why did the duck take a lamp to bed", "She wanted to see her dreams"},
            new String[] {"What is heavy by day and light by night", "A candle"},
            new String[] {"Why did the bee go to school", "She wanted to learn to spell"},
            new String[] {"Why does the ladder never dance", "It is afraid to fall"},
            new String[] {"Why was the bucket sad", "It felt so empty"},
            new String[] {"What does a lazy clock say", "Tick, and tomorrow tock"});

    void joke() {
        Person friend = world.newNamed(world.newPlace());
        openDay();
        moves.meet(hero, friend);
        String why = "nobody laughed";
        prose.write("{1n} [was|looked] [sad|bored|tired].", friend);
        for (int i = 0; i < 2; i++) {
            String[] joke = dice.pick(JOKES.subList(i * 6, i * 6 + 6));
            prose.write("\"" + joke[0] + "?\" {1:asked}.", hero);
            prose.write("\"[I do not know|I have no idea|Tell me], {2!},\" {1:said}.", friend, hero);
            prose.write("\"" + joke[1] + "!\" {1:said}.", hero);
            prose.write(
                    i == 0
                            ? "{1n} [only smiled|smiled a little|did not laugh]."
                            : "{1n} laughed [and laughed|so much that the birds flew up].",
                    friend);
            why = hero.name() + " told a joke";
        }
        moves.feel(friend, "happy", why);
    }

    void race() {
        Person friend = visitor();
        Place goal = world.newPlace();
        prose.write("\"[Let us run|I will be the first] to {2}, {3!}!\" {1:cried}.", friend, goal, hero);
        prose.write("\"One, two, three, go!\" {1:said}.", hero);
        Person winner = dice.chance(0.5) ? hero : friend;
        Person slow = winner.equals(hero) ? friend : hero;
        prose.write(
                "{1n} stopped to [smell a flower|look at a snail|drink some water|rest a little|eat a plum].", slow);
        prose.write("{1n} did not stop and was the first {2at}.", winner, goal);
        world.at.put(hero, goal);
        world.at.put(friend, goal);
        world.fact(Relation.WON, winner, null, goal, slow, null);
        prose.write("\"[You are fast|You won|Well done], {2!},\" {1:said}.", slow, winner);
        moves.feel(winner, dice.pick(List.of("proud", "happy")), winner.subject() + " was first");
        if (dice.chance(0.4)) {
            moves.feel(slow, dice.pick(List.of("tired", "sad", "angry")), slow.subject() + " was late");
            prose.write("\"Tomorrow we can run again, {2!},\" {1:said}.", winner, slow);
        }
    }

    void rain() {
        Place where = world.newPlace();
        Person friend = world.newNamed(where);
        prose.write("One " + dice.pick(List.of("morning", "day", "evening")) + " it began to rain.");
        moves.go(hero, where);
        prose.write("{1a} was there already.", friend);
        world.meets(friend);
        world.fact(Relation.MET, hero, friend.kind(), where, friend, null);
        world.fact(Relation.WAS, friend, friend.kind(), null, null, null);
        String fear = dice.pick(List.of("the thunder was loud", "the wind was cold", "it was so dark"));
        moves.feel(friend, "afraid", fear);
        prose.write("\"" + Words.capital(fear.replace("was", "is")) + ",\" {1:said}.", friend);
        Chant words = world.newChant(dice.between(3, 5));
        prose.write("\"Say this with me, {2!}: {3}!\" {1:said}.", hero, friend, words);
        world.fact(Relation.SAID, hero, words, null, null, "magic words");
        prose.write("{1n} said, \"{2}!\"", friend, words);
        prose.write("They said it [until the rain stopped|again and again]: \"{1}! {1}!\"", words);
        prose.all();
        moves.feel(friend, "happy", "the sun came out");
    }

    /** Words are repeated by one after another. */
    void echo() {
        Person friend = visitor();
        prose.write("\"[Let us play echo|Be my echo|You are my echo today], {2!},\" {1:said}.", friend, hero);
        for (int i = dice.between(1, 2); i > 0; i--) {
            String words = String.join(", ", dice.several(Words.NOUNS, dice.between(4, 8)));
            prose.write("\"Say after me: {2}!\" {1:said}.", friend, words);
            prose.write("\"I say: {2}!\" {1:said}.", hero, words);
        }
        prose.write("\"[That was right|Well done|You are a good echo], {2!},\" {1:said}.", friend, hero);
        moves.feel(hero, dice.pick(List.of("proud", "happy")), hero.subject() + " was a good echo");
    }

    /** Something breaks, and the truth is confessed. */
    void sorry() {
        Thing thing = world.newThing();
        prose.write("{1n} had {2a}.", mate, thing);
        prose.write("One " + day() + " {1n} [played with {2}|took {2} to play], and it broke.", hero, thing);
        moves.feel(hero, dice.pick(List.of("afraid", "sad", "worried")), thing + " broke");
        if (dice.chance(0.4)) prose.write("{1} hid {2} under the bed.", hero, thing);
        prose.write("\"[Where is my {2k}|Who broke my {2k}|What is wrong], {3!}?\" {1:asked}.", mate, thing, hero);
        prose.write("\"[I broke {2}. I am sorry|It was me. I am so sorry], {3!},\" {1:said}.", hero, thing, mate);
        prose.write("{1n} [was not angry|only smiled].", mate);
        prose.write(
                "\"[You told me the truth|The truth is worth more than a {3k}], {2!},\" {1:said}.", mate, hero, thing);
        if (dice.chance(0.5)) prose.write("Together they mended {1}.", thing);
        prose.all();
        moves.feel(hero, dice.pick(List.of("happy", "proud")), hero.subject() + " told the truth");
    }
}
