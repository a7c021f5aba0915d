package org.llminspector.tales.plot;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.tales.words.Fact.Relation;
import org.llminspector.tales.words.Person;
import org.llminspector.tales.words.Place;
import org.llminspector.tales.words.Thing;
import org.llminspector.tales.words.Words;

/** Plots about a thing that a person loses, needs, wishes for, brings or gives. */
final class ErrandPlots extends Scene {

    ErrandPlots(Scene scene) {
        super(scene);
    }

    void lost() {
        Thing thing = world.newThing();
        prose.write("{1n} had {2a}.", hero, thing);
        prose.write("[But one|One] " + day() + " {2} was gone.", hero, thing);
        world.fact(Relation.LOST, hero, thing, null, null, null);
        moves.feel(hero, dice.pick(List.of("sad", "worried", "angry")), thing + " was gone");
        for (int i = dice.weighted(2, 2); i > 0; i--) moves.searchInVain(hero, world.newPlace(), thing);
        Person witness = world.anyone(hero);
        moves.meet(hero, witness);
        prose.write("\"[Have you seen my {2k}|Where is my {2k}|Did you see my {2k}]?\" {1:asked}.", hero, thing);
        Place where = world.newPlace();
        prose.write("\"[Yes. It is|I saw it|It lies] {2at},\" {1:said}.", witness, where);
        moves.find(hero, thing, where, true);
        moves.feel(hero, "happy", hero.subject() + " had " + thing + " again");
    }

    void need() {
        Person friend = world.newNamed(world.newPlace());
        openDay();
        moves.meet(hero, friend);
        Thing thing = world.newThing();
        prose.write("{1n} looked [sad|worried|tired].", friend);
        prose.write("\"[What is wrong|Can I help you|What do you need]?\" {1:asked}.", hero);
        prose.write("\"I need {2a} to " + thing.purpose() + ",\" {1:said}.", friend, thing);
        world.fact(Relation.NEEDED, friend, thing, null, null, thing.purpose());
        prose.write("\"I will [help you|bring you one|get you one],\" {1:said}.", hero);
        prose.paragraph();
        Place there = world.at.get(friend);
        if (dice.chance(0.4)) moves.find(hero, thing, world.newPlace(), false);
        else moves.get(hero, thing, other(friend));
        moves.go(hero, there);
        prose.write("{1n} gave {2} to {3p}.", hero, thing, friend);
        world.fact(Relation.GAVE, hero, thing, null, friend, null);
        moves.thank(friend, hero);
        moves.feel(friend, "happy", friend.subject() + " got " + thing);
    }

    /** A letter comes, is read twice, and is obeyed. */
    void letter() {
        Place where = world.newPlace();
        Person friend = world.newNamed(where);
        Thing thing = world.newThing();
        prose.write("One " + day() + " a letter came.");
        String[] asks = {
            "Dear {1!}, please come to {2} and bring {3a}. Your friend {4!}.",
            "Dear {1!}, I wait for you {2at}. Do you have {3a}? Your friend {4!}.",
            "Dear {1!}, I am {2at} and I need {3a}. Please help me. Your friend {4!}."
        };
        String says = dice.pick(List.of(asks));
        prose.write("It said: \"" + says + "\"", hero, where, thing, friend);
        world.fact(Relation.WROTE, friend, null, null, hero, null);
        world.fact(Relation.NEEDED, friend, thing, null, null, thing.purpose());
        prose.write(
                "{1n} read it [again|aloud|to {2p}]: \"{3=}\"", hero, mate, letter(says, hero, where, thing, friend));
        if (dice.chance(0.5)) {
            prose.write("{1n} was " + Words.a(friend.trait() + " " + friend.kind()) + ".", friend);
            world.fact(Relation.WAS, friend, friend.kind(), null, null, null);
        }
        prose.paragraph();
        if (dice.chance(0.5)) moves.find(hero, thing, world.newPlace(), false);
        else prose.write("{1n} took [the {2k} from the shelf|the {2k} out of a box|{2}].", hero, thing);
        moves.go(hero, where);
        world.meets(friend);
        prose.write("\"[Here I am|I read your letter|Here is {3}], {2!},\" {1:said}.", hero, friend, thing);
        prose.write("{1n} gave {2} to {3p}.", hero, thing, friend);
        world.fact(Relation.GAVE, hero, thing, null, friend, null);
        prose.write("\"Now I can " + thing.purpose() + ",\" {1:said}.", friend);
        moves.feel(friend, "happy", hero.name() + " came");
    }

    private static String letter(String says, Person hero, Place where, Thing thing, Person friend) {
        return says.replace("{1!}", hero.name())
                .replace("{2}", where.toString())
                .replace("{2at}", where.at())
                .replace("{3a}", Words.a(thing.bare()))
                .replace("{4!}", friend.name());
    }

    /** Things to bring, repeated as a list. */
    void list() {
        List<Thing> wanted = new ArrayList<>();
        for (int i = dice.between(2, 4); i > 0; i--) wanted.add(world.newThing());
        String list = Words.and(wanted.stream().map(t -> Words.a(t.bare())).toList());
        Person sender = dice.chance(0.6) ? mate : visitor();
        prose.write("\"[I need|Please bring me|Please find] {2},\" {1:said} to {3p}.", sender, list, hero);
        prose.write("[All the way {1n} said|{1n} did not want to forget it and said], \"{2}.\"", hero, list);
        Place back = world.at.get(sender);
        if (dice.chance(0.5)) {
            Person seller = world.newNeighbour(world.newPlace());
            moves.meet(hero, seller);
            prose.write("\"[Do you have|May I have] {2}?\" {1:asked}.", hero, list);
            prose.write("\"[Of course|Here you are|Take it all], {2!},\" {1:said}.", seller, hero);
            for (Thing thing : wanted) world.fact(Relation.GAVE, seller, thing, null, hero, null);
        } else {
            for (Thing thing : wanted) {
                Place where = world.newPlace();
                prose.write("{1p} found {2a} {3at}.", hero, thing, where);
                world.fact(Relation.FOUND, hero, thing, where, null, null);
                world.at.put(hero, where);
            }
        }
        if (back.equals(home)) homeward();
        else moves.go(hero, back);
        prose.write("\"I have {2},\" {1:said}.", hero, list);
        prose.write("\"[Thank you, {2!}|Well done, {2!}|You did not forget anything, {2!}],\" {1:said}.", sender, hero);
        moves.feel(sender, "happy", hero.name() + " forgot nothing");
    }

    void noise() {
        Place where = world.newPlace();
        prose.write("[One night|One evening|Late one day] {1} heard a [strange|loud|soft] noise {2at}.", hero, where);
        if (hero.trait().equals("brave")) prose.write("{1} was brave and was not afraid.", hero);
        else moves.feel(hero, "afraid", hero.subject() + " heard the noise");
        moves.go(hero, where);
        Person other = world.newNamed(where);
        prose.write("[But it was only|It was only] {1a}.", other);
        world.meets(other);
        world.fact(Relation.WAS, other, other.kind(), null, null, null);
        world.fact(Relation.MET, hero, other.kind(), where, other, null);
        Thing need = world.newThing();
        prose.write("\"I [lost|cannot find] my {2k},\" {1:said}.", other, need);
        world.fact(Relation.LOST, other, need, null, null, null);
        prose.write("\"I will help you, {2!},\" {1:said}.", hero, other);
        moves.find(hero, need, world.newPlace(), true);
        moves.go(hero, where);
        prose.write("{1n} gave {2} to {3p}.", hero, need, other);
        world.fact(Relation.GAVE, hero, need, null, other, null);
        moves.thank(other, hero);
        moves.feel(other, "happy", other.subject() + " had " + need + " again");
    }

    void birthday() {
        Person friend = other(hero);
        prose.write("It was " + friend.owner() + " birthday.");
        if (world.meets(friend)) {
            prose.write(
                    "{1n} was " + Words.a(friend.trait() + " " + friend.kind()) + " and lived {2at}.",
                    friend,
                    world.at.get(friend));
            world.fact(Relation.LIVED, friend, null, world.at.get(friend), null, null);
            world.fact(Relation.WAS, friend, friend.kind(), null, null, null);
        }
        Place there = world.at.get(friend);
        Thing gift = world.newThing();
        prose.write("{1n} wanted to give {2a} to {3p}.", hero, gift, friend);
        if (dice.chance(0.5)) moves.find(hero, gift, world.newPlace(), true);
        else moves.get(hero, gift, other(friend));
        moves.go(hero, there);
        prose.write("\"[This is for you|Happy birthday], {2!},\" {1:said}.", hero, friend);
        moves.give(hero, gift, friend);
        prose.write("\"[How nice|What a gift]! Now I can " + gift.purpose() + ",\" {1:said}.", friend);
        moves.feel(friend, "happy", friend.subject() + " got " + gift);
    }

    /** One thing for another, and that for a third. */
    void swap() {
        List<Thing> had = new ArrayList<>(List.of(world.newThing()));
        prose.write("{1n} had {2a}.", hero, had.get(0));
        for (int i = dice.between(1, 2); i > 0; i--) {
            Thing old = had.get(had.size() - 1);
            Thing better = world.newThing();
            Person trader = world.newPerson();
            moves.meet(hero, trader);
            prose.write("\"[Give me your {2k} for|I like your {2k}. Take] {3a},\" {1:said}.", trader, old, better);
            prose.write("{1n} gave {2} to {3p}, and {3p} gave {4} to {1p}.", hero, old, trader, better);
            world.fact(Relation.GAVE, hero, old, null, trader, null);
            world.fact(Relation.GAVE, trader, better, null, hero, null);
            had.add(better);
        }
        String chain = had.size() == 2 ? "First {2a}, and now {3a}" : "First {2a}, then {3a}, and now {4a}";
        Object[] all = new Object[1 + had.size()];
        all[0] = hero;
        for (int i = 0; i < had.size(); i++) all[i + 1] = had.get(i);
        prose.write("\"" + chain + "!\" {1:said}.", all);
        Thing last = had.get(had.size() - 1);
        moves.feel(hero, dice.pick(List.of("happy", "surprised")), hero.subject() + " had " + last);
    }

    void message() {
        openDay();
        Person sender = world.anyone(hero);
        Person receiver = world.newNeighbour(world.newPlace());
        moves.meet(hero, sender);
        Thing thing = world.newThing();
        Place lies = world.newPlace();
        String news = Words.a(thing.bare()) + " is " + lies.at();
        Place there = world.at.get(receiver);
        prose.write("\"Please go to {2p} {3at} and say: {4},\" {1:said}.", sender, receiver, there, news);
        prose.write("All the way {1n} said, \"{2}.\"", hero, news);
        moves.go(hero, there);
        world.meets(receiver);
        world.fact(Relation.MET, hero, receiver.kind(), there, receiver, null);
        prose.write("\"{3}, {2!},\" {1:said}.", hero, receiver, news);
        prose.write("\"Thank you, {2!}! I need it to " + thing.purpose() + ",\" {1:said}.", receiver, hero);
        world.fact(Relation.NEEDED, receiver, thing, null, null, thing.purpose());
        moves.find(receiver, thing, lies, true);
        moves.feel(receiver, "happy", receiver.subject() + " found " + thing);
    }

    /** A wish comes true. */
    void star() {
        Thing wish = world.newThing();
        prose.write("One [cold|warm|clear] night {1n} saw a star fall.", hero);
        prose.write("\"You have a wish, {2!},\" {1:said}.", mate, hero);
        prose.write("\"I wish for {2a},\" {1:said}.", hero, wish);
        prose.write("\"What for?\" {1:asked}.", mate);
        prose.write("\"I want to " + wish.purpose() + ",\" {1:said}.", hero);
        prose.paragraph();
        Place where = world.newPlace();
        prose.write("[In the morning|The next day] {1n} [went out|could not sit still|felt like a walk].", hero);
        moves.find(hero, wish, where, true);
        if (dice.chance(0.5)) {
            Person giver = world.newNeighbour(where);
            prose.write("{1n} was there.", giver);
            world.meets(giver);
            world.fact(Relation.MET, hero, giver.kind(), where, giver, null);
            prose.write("\"[You may keep it|It fell from the sky], {2!},\" {1:said}.", giver, hero);
        }
        moves.feel(hero, dice.pick(List.of("happy", "surprised")), hero.subject() + " had " + wish);
    }
}
