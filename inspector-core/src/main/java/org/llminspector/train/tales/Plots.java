package org.llminspector.train.tales;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.train.tales.Fact.Relation;

/** Plots are what a hero can want, and how the world answers; each plays on the state that the others left. */
final class Plots {

    private final World world;
    private final Dice dice;
    private final Prose prose;
    private final Moves moves;
    private final Person hero;
    private final int depth;

    /**
     * @param depth how deep errands within errands may go: 0 to 2
     */
    Plots(World world, Moves moves, Person hero, int depth) {
        this.world = world;
        this.dice = world.dice;
        this.prose = world.prose;
        this.moves = moves;
        this.hero = hero;
        this.depth = depth;
    }

    static final int COUNT = 11;

    void play(int plot) {
        switch (plot) {
            case 0 -> lost();
            case 1 -> friendInNeed();
            case 2 -> closedDoor();
            case 3 -> harvest();
            case 4 -> hideAndSeek();
            case 5 -> song();
            case 6 -> message();
            case 7 -> shopping();
            case 8 -> noise();
            case 9 -> quarrel();
            case 10 -> birthday();
            default -> throw new IllegalArgumentException("no plot " + plot);
        }
    }

    private void lost() {
        Thing thing = world.newThing();
        prose.tell("{1} had {2a}.", hero, thing);
        prose.tell("[But|Then] " + opening() + " {2} was gone.", hero, thing);
        world.fact(Relation.LOST, hero, thing, null, null, null);
        moves.feelBecause(hero, dice.pick(List.of("sad", "worried", "angry")), thing + " was gone");
        for (int i = dice.weighted(3, 3, 1); i > 0; i--) {
            moves.searchInVain(hero, world.newPlace(), "the " + thing.noun());
        }
        Person witness = world.somebody(hero);
        moves.meet(hero, witness);
        prose.tell("\"[Have you seen my {2b}|Where is my {2b}|Did you see my {2b}]?\" {1:asked}.", hero, thing);
        Place where = world.newPlace();
        if (dice.chance(0.35)) {
            Person holder = world.newPerson(where);
            prose.tell("\"" + Words.a(holder.kind()) + " {2at} has it,\" {1:said}.", witness, where);
            moves.getBack(hero, thing, holder, depth);
        } else {
            prose.tell("\"[It is|I saw it|It lies] {2at},\" {1:said}.", witness, where);
            moves.find(hero, thing, where);
        }
        moves.feelBecause(hero, "happy", hero.subject() + " had " + thing + " again");
    }

    private void friendInNeed() {
        Person friend = world.newNamed(world.newPlace());
        openDay();
        moves.meet(hero, friend);
        Thing thing = world.newThing();
        moves.feel(friend, dice.pick(List.of("sad", "worried", "tired")), hero.name() + " came");
        prose.tell("\"[What is wrong|Can I help you|What do you need]?\" {1:asked}.", hero);
        prose.tell("\"I need {2a} to " + thing.purpose() + ",\" {1:said}.", friend, thing);
        world.fact(Relation.NEEDED, friend, thing, null, null, thing.purpose());
        prose.tell("\"I will [help you|bring you one|get you one],\" {1:said}.", hero);
        if (dice.chance(0.4)) moves.find(hero, thing, world.newPlace());
        else moves.get(hero, thing, other(friend), depth);
        moves.go(hero, world.at.get(friend));
        prose.tell("{1n} gave {2} to {3n}.", hero, thing, friend);
        world.fact(Relation.GAVE, hero, thing, null, friend, null);
        prose.tell("[\"Thank you, {2!},\"|\"You are a good friend, {2!},\"|\"Thank you,\"] {1:said}.", friend, hero);
        moves.feelBecause(friend, "happy", friend.subject() + " got " + thing);
    }

    private void closedDoor() {
        Place where = world.newPlace();
        openDay();
        moves.go(hero, where);
        String door = dice.pick(List.of("stone door", "wooden door", "heavy chest", "iron gate", "strange box"));
        prose.tell("There {1} [saw|found] " + Words.a(door) + " that did not open.", hero);
        String it = "the " + door.split(" ")[1];
        Person teacher = world.somebody(hero);
        moves.meet(hero, teacher);
        prose.tell("\"How can I open " + it + " {2at}?\" {1:asked}.", hero, where);
        Chant words = world.newChant(dice.between(2, 5));
        prose.tell(
                "\"[Say these words|You must say the magic words|Only these words open it],\" {1:said}. \"{2}!\"",
                teacher, words);
        world.fact(Relation.SAID, teacher, words, null, null, "magic words");
        if (dice.chance(0.6)) prose.tell("[All the way|On the way] {1} said, \"{2}! {2}! {2}!\"", hero, words);
        moves.go(hero, where);
        moves.chant(hero, words);
        if (dice.chance(0.5)) {
            Group inside = world.newGroup(Words.FINDS, 2, 12);
            prose.tell(it + " [opened|opened slowly], and {1} saw {2} inside.", hero, inside);
            world.fact(Relation.SAW, hero, inside, where, null, null);
        } else {
            Thing inside = world.newThing();
            prose.tell(it + " [opened|opened slowly], and {1} found {2a} inside.", hero, inside);
            world.fact(Relation.FOUND, hero, inside, where, null, null);
        }
        moves.feelBecause(hero, dice.pick(List.of("proud", "happy", "surprised")), it + " opened");
    }

    private void harvest() {
        openDay();
        Group all = world.newGroup(dice.chance(0.7) ? Words.FOODS : Words.FINDS, 4, 12);
        moves.gather(hero, all, world.newPlace());
        int left = all.count();
        for (int i = dice.weighted(0, 3, 1); i > 0 && left > 2; i--) {
            Person friend = world.somebody(hero);
            moves.meet(hero, friend);
            prose.tell("\"[I like {2k}|I have no {2k}|Please give me some {2k}],\" {1:said}.", friend, all);
            Group gift = all.of(dice.between(1, Math.min(left - 1, 5)));
            left -= gift.count();
            prose.tell("{1n} gave {2} to {3n}.", hero, gift, friend);
            world.fact(Relation.GAVE, hero, gift, null, friend, null);
            prose.tell("[Now|Then] {1n} had {2} left.", hero, all.of(left));
        }
        world.fact(Relation.LEFT, hero, all.of(left), null, null, null);
        moves.feel(hero, dice.pick(List.of("happy", "proud")), "the day was over");
    }

    private void hideAndSeek() {
        Person friend = visitor();
        prose.tell("\"[Let us play hide and seek|You hide and I will look for you],\" {1:said}.", hero);
        int count = dice.between(5, 10);
        prose.tell("{1} closed {1's} eyes and counted: \"" + Words.countTo(count) + "!\"", hero);
        Place hidden = world.newPlace();
        for (int i = dice.weighted(1, 3, 2); i > 0; i--) {
            moves.searchInVain(hero, world.newPlace(), friend);
        }
        moves.go(hero, hidden);
        world.at.put(friend, hidden);
        prose.tell("[{2n} was hiding {3at}|There was {2n}|There {1} heard {2n} laugh].", hero, friend, hidden);
        prose.tell("\"[I found you|I see you|There you are], {2!}!\" {1:cried}.", hero, friend);
        world.fact(Relation.HID, friend, null, hidden, null, null);
        if (dice.chance(0.5)) prose.tell("\"You are good at this game, {2!},\" {1:said}.", friend, hero);
        moves.feel(dice.chance(0.5) ? hero : friend, "happy", "the game was over");
    }

    private void song() {
        openDay();
        Person singer = world.somebody(hero);
        moves.meet(hero, singer);
        Chant first = world.newChant(dice.between(2, 4));
        Chant second = world.newChant(dice.between(2, 4));
        String song = first + "! " + second;
        prose.tell("{1n} [sang|was singing] a song: \"" + song + "!\"", singer);
        world.fact(Relation.SAID, singer, new Chant(List.of(song.split(" "))), null, null, "song");
        prose.tell("\"[Please teach me your song|I want to learn it],\" {1:said}.", hero);
        prose.tell("{1n} sang [slowly|it again]: \"" + song + "!\"", singer);
        prose.tell("[{1n} sang it too: |Then {1n} sang: ]\"" + song + "!\"", hero);
        moves.feelBecause(hero, dice.pick(List.of("happy", "proud")), hero.subject() + " knew the song");
        if (dice.chance(0.5)) {
            prose.tell("[All day|All evening] {1} sang, \"" + song + "!\"", hero);
        }
    }

    private void message() {
        openDay();
        Person sender = world.somebody(hero);
        Person receiver = world.newPerson(world.newPlace());
        moves.meet(hero, sender);
        Thing thing = world.newThing();
        Place where = world.newPlace();
        String news = dice.chance(0.5)
                ? thing + (dice.chance(0.5) ? " is " : " lies ") + where.at()
                : dice.pick(List.of("the key word is ", "the secret word is ")) + world.newChant(dice.between(1, 3));
        boolean aboutThing = news.startsWith(thing.toString());
        String to = receiver.named() ? receiver.name() + " the " + receiver.kind() : receiver.name();
        prose.tell(
                "\"Please go to " + to + " {2at} and say: " + Words.capital(news) + ",\" {1:said}.",
                sender,
                world.at.get(receiver));
        prose.tell("[So|Then] {1} walked to {2} and said all the way: \"" + news + ".\"", hero, world.at.get(receiver));
        world.at.put(hero, world.at.get(receiver));
        boolean stranger = world.meets(receiver);
        if (stranger) {
            prose.tell("[{1n} was there|{1n} was at work there|There was {1n}].", receiver);
            world.fact(Relation.WAS, receiver, receiver.kind(), null, null, null);
            world.fact(Relation.MET, hero, receiver.kind(), world.at.get(receiver), receiver, null);
        }
        prose.tell("\"" + news + ",\" {1:said}.", hero);
        if (aboutThing) {
            prose.tell("\"[Thank you|Good], I need it to " + thing.purpose() + ",\" {1:said}.", receiver);
            world.fact(Relation.NEEDED, receiver, thing, null, null, thing.purpose());
            moves.find(receiver, thing, where);
            moves.feelBecause(receiver, "happy", receiver.subject() + " found " + thing);
        } else {
            prose.tell("\"[Thank you, {2!}|That is good news, {2!}],\" {1:said}.", receiver, hero);
            moves.feelBecause(receiver, "happy", receiver.subject() + " heard the news");
        }
    }

    private void shopping() {
        Person sender = visitor();
        List<Thing> wanted = new ArrayList<>();
        for (int i = dice.between(2, 3); i > 0; i--) wanted.add(world.newThing());
        String list = Words.and(wanted.stream().map(t -> Words.a(t.bare())).toList());
        prose.tell("\"[I need|Please bring me|Please find] " + list + ",\" {1:said}.", sender);
        prose.tell(
                "[{1n} did not want to forget it: |All the way {1n} said, |{1n} said it after {2o}: ]\"" + list + ".\"",
                hero,
                sender);
        for (int i = 0; i < wanted.size(); i++) {
            Thing thing = wanted.get(i);
            if (i == 0 && dice.chance(0.4)) moves.get(hero, thing, world.newPerson(world.newPlace()), depth - 1);
            else moves.find(hero, thing, world.newPlace());
        }
        moves.go(hero, world.at.get(sender));
        prose.tell("{1n} gave " + Words.and(wanted.stream().map(Thing::toString).toList()) + " to {2n}.", hero, sender);
        for (Thing thing : wanted) world.fact(Relation.GAVE, hero, thing, null, sender, null);
        prose.tell("\"[Thank you, {2!}|Well done, {2!}|You did not forget anything, {2!}],\" {1:said}.", sender, hero);
        moves.feelBecause(sender, "happy", hero.name() + " came back");
    }

    private void noise() {
        Place where = world.newPlace();
        prose.tell("[One night|One evening|Late one day] {1} heard a [strange|loud|soft] noise {2at}.", hero, where);
        boolean brave = hero.trait().equals("brave");
        if (brave) prose.tell("{1} was brave and was not afraid.", hero);
        else moves.feelBecause(hero, "afraid", hero.subject() + " heard the noise");
        moves.go(hero, where);
        Person other = world.newNamed(where);
        prose.tell("[But it was only|It was] " + Words.a(other.trait() + " " + other.kind()) + ".");
        Thing need = world.newThing();
        prose.tell(
                "\"My name is {1!}, and I [lost|cannot find] my {2b},\" said the " + other.kind() + ".", other, need);
        world.meets(other);
        world.fact(Relation.WAS, other, other.kind(), null, null, null);
        world.fact(Relation.MET, hero, other.kind(), where, other, null);
        world.fact(Relation.LOST, other, need, null, null, null);
        prose.tell("\"I will help you, {2!},\" {1:said}.", hero, other);
        moves.find(hero, need, world.newPlace());
        moves.go(hero, where);
        prose.tell("{1n} gave {2} to {3n}.", hero, need, other);
        world.fact(Relation.GAVE, hero, need, null, other, null);
        moves.feelBecause(other, "happy", other.subject() + " got " + need + " back");
    }

    private void quarrel() {
        Person other = visitor();
        Thing thing = world.newThing();
        Place where = world.newPlace();
        moves.go(hero, where);
        world.at.put(other, where);
        prose.tell("{1n} went with {2o}.", other, hero);
        prose.tell("[There they saw {1a}|They found {1a} there].", thing);
        world.fact(Relation.FOUND, hero, thing, where, other, null);
        prose.tell(
                "\"[It is mine|I saw it first|Give it to me]! I need it to " + thing.purpose() + ",\" {1:said}.", hero);
        prose.tell("\"[No, it is mine|No, I saw it first], {2!},\" {1:said}.", other, hero);
        moves.feelBecause(other, "angry", hero.name() + " wanted " + thing);
        if (dice.chance(0.5)) {
            Person judge = world.newNeighbour(where);
            prose.tell("{1a} heard them.", judge);
            world.meets(judge);
            prose.tell("\"{2!} may have it today, and {3!} may have it tomorrow,\" {1:said}.", judge, other, hero);
        } else {
            prose.tell("\"[You may have it today|We can share it|Take it first], {2!},\" {1:said}.", hero, other);
        }
        moves.give(hero, thing, other);
        moves.feelBecause(other, "happy", other.subject() + " got " + thing);
    }

    private void birthday() {
        Person friend = other(hero);
        prose.tell("It was " + friend.owner() + " birthday.");
        if (!world.isKnown(friend)) {
            prose.tell(
                    "{1n} was " + Words.a(friend.trait() + " " + friend.kind()) + " and lived {2at}.",
                    friend,
                    world.at.get(friend));
            world.meets(friend);
            world.fact(Relation.LIVED, friend, null, world.at.get(friend), null, null);
            world.fact(Relation.WAS, friend, friend.kind(), null, null, null);
        }
        Thing gift = world.newThing();
        prose.tell("{1n} wanted to give {2n} {3a}.", hero, friend, gift);
        if (dice.chance(0.5)) moves.find(hero, gift, world.newPlace());
        else moves.get(hero, gift, other(friend), depth);
        moves.go(hero, world.at.get(friend));
        prose.tell("\"[This is for you|Happy birthday], {2!},\" {1:said}.", hero, friend);
        moves.give(hero, gift, friend);
        prose.tell(
                "\"[I always wanted|What a good gift! I wanted] {2a} to " + gift.purpose() + ",\" {1:said}.",
                friend,
                gift);
        moves.feelBecause(friend, "happy", friend.subject() + " got " + gift);
    }

    /** Somebody with a name, elsewhere. */
    private Person other(Person than) {
        List<Person> known = world.elsewhere(hero).stream()
                .filter(p -> p.named() && !p.equals(than))
                .toList();
        return !known.isEmpty() && dice.chance(0.35) ? dice.pick(known) : world.newNamed(world.newPlace());
    }

    /** Somebody with a name who is where the hero is, or comes there. */
    private Person visitor() {
        Place here = world.at.get(hero);
        for (Person p : world.cast) {
            if (!p.equals(hero) && p.named() && world.isKnown(p) && here.equals(world.at.get(p))) return p;
        }
        Person guest = world.newNamed(here);
        prose.tell("[|" + opening() + " ]{2a} came to [see|visit] {1n}.", hero, guest);
        world.meets(guest);
        world.fact(Relation.WAS, guest, guest.kind(), null, null, null);
        return guest;
    }

    private String opening() {
        return "one [sunny|windy|rainy|cold|warm|foggy] [morning|day|afternoon|evening]";
    }

    private void openDay() {
        if (dice.chance(0.7))
            prose.tell(opening() + " {1} [went out|wanted to see the world|felt like a walk|wanted to walk].", hero);
    }
}
