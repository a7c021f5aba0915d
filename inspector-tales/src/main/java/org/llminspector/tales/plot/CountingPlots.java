package org.llminspector.tales.plot;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.tales.words.Fact.Relation;
import org.llminspector.tales.words.Group;
import org.llminspector.tales.words.Person;
import org.llminspector.tales.words.Place;
import org.llminspector.tales.words.Words;

/** Plots whose numbers follow from each other: shares, sums, recipes, counts. */
final class CountingPlots extends Scene {

    CountingPlots(Scene scene) {
        super(scene);
    }

    /** Some are given away: the rest is stated as a sum. */
    void share() {
        openDay();
        Group all = world.newGroup(dice.chance(0.7) ? Words.FOODS : Words.FINDS, 4, 12);
        moves.gather(hero, all, world.newPlace());
        Person friend = world.anyone(hero);
        moves.meet(hero, friend);
        prose.write("\"[I like {2k}|I have no {2k}|Please give me some {2k}],\" {1:said}.", friend, all);
        Group gift = all.of(dice.between(1, Math.min(all.count() - 1, 6)));
        Group left = all.of(all.count() - gift.count());
        prose.write("{1n} gave {2} to {3p}.", hero, gift, friend);
        world.fact(Relation.GAVE, hero, gift, null, friend, null);
        if (dice.chance(0.7)) prose.write("\"{2#=} less {3#=} is {4#=},\" {1:said}.", hero, all, gift, left);
        prose.write("[Now|Then] {1n} had {2=} left.", hero, left);
        world.fact(Relation.LEFT, hero, left, null, null, null);
        if (dice.chance(0.5)) moves.thank(friend, hero);
        moves.feel(hero, dice.pick(List.of("happy", "proud")), hero.subject() + " gave something to " + friend.name());
    }

    /** Two gather the same kind: their total is stated as a sum. */
    void together() {
        Person friend = visitor();
        Group hers = world.newGroup(dice.chance(0.7) ? Words.FOODS : Words.FINDS, 1, 7);
        Group his = hers.of(dice.between(1, Math.min(7, Words.MOST - hers.count())));
        Group sum = hers.of(hers.count() + his.count());
        Place where = world.newPlace();
        prose.write("\"Let us look for {2k},\" {1:said}.", friend, hers);
        prose.write("They [went|ran|walked] to {1}.", where);
        world.at.put(hero, where);
        world.at.put(friend, where);
        prose.all();
        prose.write("{1n} found {2}, and {3p} found {4}.", hero, hers, friend, his);
        world.fact(Relation.GATHERED, hero, hers, where, null, null);
        world.fact(Relation.GATHERED, friend, his, where, null, null);
        prose.write("\"How many do we have?\" {1:asked}.", hero);
        prose.write("\"{2#=} and {3#=} make {4#=},\" {1:said}.", friend, hers, his, sum);
        prose.write("[So they|Together they|They] [took {1=} home|had {1=}].", sum);
        prose.all();
        moves.feel(dice.chance(0.5) ? hero : friend, "happy", "they had " + sum);
    }

    /** A recipe: counts of several ingredients, and all of it into the pot. */
    void soup() {
        Person cook = mate;
        String dish = dice.pick(List.of("soup", "stew", "salad"));
        List<Group> parts = new ArrayList<>();
        for (int i = dice.between(2, 3); i > 0; i--) parts.add(world.newGroup(Words.FOODS, 1, 6));
        String list = Words.and(parts.stream().map(Group::toString).toList());
        prose.write("{1n} wanted to make " + dish + ".", cook);
        prose.write("\"We need {2}, {3!},\" {1:said}.", cook, list, hero);
        for (Group part : parts) {
            Place where = world.newPlace();
            prose.write("{1p} found {2=} {3at}.", hero, part, where);
            world.fact(Relation.GATHERED, hero, part, where, null, "the pot");
            world.at.put(hero, where);
        }
        homeward();
        prose.write("[Into the pot went {2}|They put {2} into the pot].", hero, list);
        prose.all();
        prose.write("\"[What a good|This is good] " + dish + ", {2!},\" {1:said}.", hero, cook);
        moves.feel(cook, "happy", "the " + dish + " was good");
    }

    /** Creatures that come or go are counted. */
    void watch() {
        Person friend = visitor();
        Place where = world.newPlace();
        prose.write("{1n} and {2p} sat {3at}.", hero, friend, where);
        world.at.put(hero, where);
        world.at.put(friend, where);
        Group some = world.newGroup(Words.CREATURES, 2, 8);
        prose.write("\"I see {2},\" {1:said}.", friend, some);
        world.fact(Relation.SAW, friend, some, where, null, null);
        boolean come = dice.chance(0.5);
        Group more = some.of(dice.between(1, come ? Words.MOST - some.count() : some.count() - 1));
        prose.write("Then {1} " + (come ? "came" : "went away") + ".", more);
        Group now = some.of(come ? some.count() + more.count() : some.count() - more.count());
        prose.write(
                "\"{2#=} " + (come ? "and {3#=} make" : "less {3#=} is") + " {4#=},\" {1:said}.",
                hero,
                some,
                more,
                now);
        prose.write("Now there were {1=}.".replace("were", now.count() == 1 ? "was" : "were"), now);
        world.fact(Relation.LEFT, hero, now, null, null, "watch");
        prose.all();
        moves.feel(hero, dice.pick(List.of("happy", "proud")), hero.subject() + " could count");
    }

    /** Sums at school. */
    void lesson() {
        Person teacher = world.newNeighbour(world.newPlace());
        moves.meet(hero, teacher);
        int right = 0;
        for (int i = dice.between(2, 3); i > 0; i--) {
            boolean plus = dice.chance(0.5);
            int a = dice.between(plus ? 1 : 2, plus ? 9 : 12);
            int b = dice.between(1, plus ? Math.min(9, Words.MOST - a) : a - 1);
            String sum = Words.number(a) + (plus ? " and " : " less ") + Words.number(b);
            String result = Words.number(plus ? a + b : a - b);
            prose.write("\"[How many are|What is] " + sum + "?\" {1:asked}.", teacher);
            prose.write(
                    "\"{2=} [make|makes] {3=},\" {1:said}.".replace("[make|makes]", plus ? "make" : "is"),
                    hero,
                    sum,
                    result);
            right++;
        }
        prose.write("\"[Very good|That is right|You can count well], {2!},\" {1:said}.", teacher, hero);
        Group prize = world.newGroup(Words.FOODS, right, right);
        prose.write("{1n} gave {2} to {3p}.", teacher, prize, hero);
        world.fact(Relation.GAVE, teacher, prize, null, hero, null);
        moves.feel(hero, dice.pick(List.of("proud", "happy")), "all the answers were right");
    }

    /** A friend is ill, and is brought something good. */
    void ill() {
        Person friend = other(hero);
        if (world.meets(friend)) {
            prose.write(
                    "{1n} had a friend, {2n}, " + Words.a(friend.trait() + " " + friend.kind()) + ".", hero, friend);
            world.fact(Relation.WAS, friend, friend.kind(), null, null, null);
        }
        prose.write("One " + day() + " {1n} was ill.", friend);
        Place there = world.at.get(friend);
        Group food = world.newGroup(Words.FOODS, 2, 9);
        if (dice.chance(0.5)) {
            prose.write("\"Take {2} to {3p},\" {1:said}.", mate, food, friend);
        } else {
            moves.gather(hero, food, world.newPlace());
        }
        moves.go(hero, there);
        prose.write("{1n} was in bed.", friend);
        prose.write("\"[I have something for you|Here are {3}], {2!},\" {1:said}.", hero, friend, food);
        prose.write("{1n} gave {2} to {3p}.", hero, food, friend);
        world.fact(Relation.GAVE, hero, food, null, friend, null);
        Group eaten = food.of(dice.between(1, food.count() - 1));
        Group left = food.of(food.count() - eaten.count());
        prose.write("{1} ate {2}, and {3=} " + (left.count() == 1 ? "was" : "were") + " left.", friend, eaten, left);
        prose.write("\"[Now I feel better|I will be well soon|You are a good friend], {2!},\" {1:said}.", friend, hero);
        moves.feel(friend, "happy", hero.name() + " came");
    }
}
