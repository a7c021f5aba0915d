package org.llminspector.train.tales;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;
import org.llminspector.train.tales.Fact.Relation;

/** Episodes of a hero; each continues from the state that the earlier ones left. */
final class Plots {

    private final World world;
    private final ChoiceSource dice;
    private final Prose prose;
    private final PlotSteps moves;
    private final Person hero;
    private final Person mate;
    private final Place home;

    /**
     * One episode.
     *
     * @param weight how often it is played
     * @param hard how often in stories with many facts to ask about
     */
    private record Plot(int weight, int hard, Consumer<Plots> play) {}

    private static final List<Plot> ALL = List.of(
            new Plot(3, 1, Plots::lost),
            new Plot(3, 1, Plots::need),
            new Plot(2, 1, Plots::door),
            new Plot(3, 3, Plots::share),
            new Plot(3, 2, Plots::together),
            new Plot(2, 0, Plots::hideAndSeek),
            new Plot(2, 1, Plots::song),
            new Plot(3, 1, Plots::letter),
            new Plot(2, 3, Plots::list),
            new Plot(2, 1, Plots::noise),
            new Plot(2, 1, Plots::quarrel),
            new Plot(2, 1, Plots::birthday),
            new Plot(3, 1, Plots::cart),
            new Plot(2, 0, Plots::joke),
            new Plot(2, 1, Plots::race),
            new Plot(2, 12, Plots::soup),
            new Plot(2, 30, Plots::swap),
            new Plot(2, 0, Plots::rain),
            new Plot(2, 2, Plots::watch),
            new Plot(2, 4, Plots::lesson),
            new Plot(2, 1, Plots::message),
            new Plot(3, 0, Plots::echo),
            new Plot(2, 0, Plots::sorry),
            new Plot(2, 3, Plots::ill),
            new Plot(2, 0, Plots::star));

    static final int COUNT = ALL.size();

    Plots(World world, PlotSteps moves, Person hero, Person mate, Place home) {
        this.world = world;
        this.dice = world.dice;
        this.prose = world.prose;
        this.moves = moves;
        this.hero = hero;
        this.mate = mate;
        this.home = home;
    }

    /** Plays an episode drawn by weight from the list, and removes it. */
    void play(List<Integer> left) {
        play(left, Plot::weight);
    }

    /** Plays an episode with facts that are hard to remember. */
    void playHard(List<Integer> left) {
        play(left, Plot::hard);
    }

    private void play(List<Integer> left, ToIntFunction<Plot> likely) {
        int[] weights = left.stream().map(ALL::get).mapToInt(likely).toArray();
        ALL.get(left.remove(dice.weighted(weights))).play().accept(this);
    }

    private void lost() {
        Thing thing = world.newThing();
        prose.tell("{1n} had {2a}.", hero, thing);
        prose.tell("[But one|One] " + day() + " {2} was gone.", hero, thing);
        world.fact(Relation.LOST, hero, thing, null, null, null);
        moves.feel(hero, dice.pick(List.of("sad", "worried", "angry")), thing + " was gone");
        for (int i = dice.weighted(2, 2); i > 0; i--) moves.searchInVain(hero, world.newPlace(), thing);
        Person witness = world.anyone(hero);
        moves.meet(hero, witness);
        prose.tell("\"[Have you seen my {2k}|Where is my {2k}|Did you see my {2k}]?\" {1:asked}.", hero, thing);
        Place where = world.newPlace();
        prose.tell("\"[Yes. It is|I saw it|It lies] {2at},\" {1:said}.", witness, where);
        moves.find(hero, thing, where, true);
        moves.feel(hero, "happy", hero.subject() + " had " + thing + " again");
    }

    private void need() {
        Person friend = world.newNamed(world.newPlace());
        openDay();
        moves.meet(hero, friend);
        Thing thing = world.newThing();
        prose.tell("{1n} looked [sad|worried|tired].", friend);
        prose.tell("\"[What is wrong|Can I help you|What do you need]?\" {1:asked}.", hero);
        prose.tell("\"I need {2a} to " + thing.purpose() + ",\" {1:said}.", friend, thing);
        world.fact(Relation.NEEDED, friend, thing, null, null, thing.purpose());
        prose.tell("\"I will [help you|bring you one|get you one],\" {1:said}.", hero);
        prose.paragraph();
        Place there = world.at.get(friend);
        if (dice.chance(0.4)) moves.find(hero, thing, world.newPlace(), false);
        else moves.get(hero, thing, other(friend));
        moves.go(hero, there);
        prose.tell("{1n} gave {2} to {3p}.", hero, thing, friend);
        world.fact(Relation.GAVE, hero, thing, null, friend, null);
        moves.thank(friend, hero);
        moves.feel(friend, "happy", friend.subject() + " got " + thing);
    }

    private void door() {
        Place where = world.newPlace();
        openDay();
        moves.go(hero, where);
        String door = dice.pick(List.of("stone door", "wooden door", "heavy chest", "iron gate"));
        prose.tell("There {1} [saw|found] " + Words.a(door) + " that did not open.", hero);
        String it = "the " + door.split(" ")[1];
        Person teacher = world.anyone(hero);
        moves.meet(hero, teacher);
        prose.tell("\"How can I open " + it + " {2at}?\" {1:asked}.", hero, where);
        Chant words = world.newChant(dice.between(3, 5));
        prose.tell("\"Only magic words can open it,\" {1:said}. \"{2}!\"", teacher, words);
        world.fact(Relation.SAID, teacher, words, null, null, "magic words");
        prose.paragraph();
        if (dice.chance(0.5)) prose.tell("[All the way|On the way] {1} said, \"{2}! {2}!\"", hero, words);
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
        moves.feel(hero, dice.pick(List.of("proud", "happy", "surprised")), it + " opened");
    }

    /** Some are given away: the rest is stated as a sum. */
    private void share() {
        openDay();
        Group all = world.newGroup(dice.chance(0.7) ? Words.FOODS : Words.FINDS, 4, 12);
        moves.gather(hero, all, world.newPlace());
        Person friend = world.anyone(hero);
        moves.meet(hero, friend);
        prose.tell("\"[I like {2k}|I have no {2k}|Please give me some {2k}],\" {1:said}.", friend, all);
        Group gift = all.of(dice.between(1, Math.min(all.count() - 1, 6)));
        Group left = all.of(all.count() - gift.count());
        prose.tell("{1n} gave {2} to {3p}.", hero, gift, friend);
        world.fact(Relation.GAVE, hero, gift, null, friend, null);
        if (dice.chance(0.7)) prose.tell("\"{2#=} less {3#=} is {4#=},\" {1:said}.", hero, all, gift, left);
        prose.tell("[Now|Then] {1n} had {2=} left.", hero, left);
        world.fact(Relation.LEFT, hero, left, null, null, null);
        if (dice.chance(0.5)) moves.thank(friend, hero);
        moves.feel(hero, dice.pick(List.of("happy", "proud")), hero.subject() + " gave something to " + friend.name());
    }

    /** Two gather the same kind: their total is stated as a sum. */
    private void together() {
        Person friend = visitor();
        Group hers = world.newGroup(dice.chance(0.7) ? Words.FOODS : Words.FINDS, 1, 7);
        Group his = hers.of(dice.between(1, Math.min(7, Words.MOST - hers.count())));
        Group sum = hers.of(hers.count() + his.count());
        Place where = world.newPlace();
        prose.tell("\"Let us look for {2k},\" {1:said}.", friend, hers);
        prose.tell("They [went|ran|walked] to {1}.", where);
        world.at.put(hero, where);
        world.at.put(friend, where);
        prose.all();
        prose.tell("{1n} found {2}, and {3p} found {4}.", hero, hers, friend, his);
        world.fact(Relation.GATHERED, hero, hers, where, null, null);
        world.fact(Relation.GATHERED, friend, his, where, null, null);
        prose.tell("\"How many do we have?\" {1:asked}.", hero);
        prose.tell("\"{2#=} and {3#=} make {4#=},\" {1:said}.", friend, hers, his, sum);
        prose.tell("[So they|Together they|They] [took {1=} home|had {1=}].", sum);
        prose.all();
        moves.feel(dice.chance(0.5) ? hero : friend, "happy", "they had " + sum);
    }

    private void hideAndSeek() {
        Person friend = visitor();
        prose.tell("\"[Let us play hide and seek|You hide and I will look for you], {2!},\" {1:said}.", hero, friend);
        int count = dice.between(4, 10);
        prose.tell("{1} closed {1's} eyes and counted: \"{2}!\"", hero, Words.countTo(count));
        Place hidden = world.newPlace();
        for (int i = dice.weighted(1, 3, 1); i > 0; i--) moves.searchInVain(hero, world.newPlace(), friend);
        moves.go(hero, hidden);
        world.at.put(friend, hidden);
        prose.tell("[{2p} was hiding there|There was {2p}|There {1} heard {2p} laugh].", hero, friend);
        prose.tell("\"[I found you|I see you|There you are], {2!}!\" {1:cried}.", hero, friend);
        world.fact(Relation.HID, friend, null, hidden, null, null);
        if (dice.chance(0.5)) prose.tell("\"You are good at this game, {2!},\" {1:said}.", friend, hero);
        moves.feel(hero, dice.pick(List.of("happy", "proud")), hero.subject() + " found " + friend.name());
    }

    private void song() {
        openDay();
        Person singer = world.anyone(hero);
        moves.meet(hero, singer);
        Chant song = new Chant(world.newChant(dice.between(4, 6)).words());
        prose.tell("{1n} [sang|was singing] a song: \"{2}!\"", singer, song);
        world.fact(Relation.SAID, singer, song, null, null, "song");
        prose.tell("\"[Please teach me your song|I want to learn it|What a song], {2!},\" {1:said}.", hero, singer);
        prose.tell("{1n} sang it again: \"{2}!\"", singer, song);
        prose.tell("Then {1n} sang it too: \"{2}!\"", hero, song);
        moves.feel(hero, dice.pick(List.of("happy", "proud")), hero.subject() + " knew the song");
        if (dice.chance(0.4)) prose.tell("[All day|All evening] {1} sang, \"{2}!\"", hero, song);
    }

    /** A letter comes, is read twice, and is obeyed. */
    private void letter() {
        Place where = world.newPlace();
        Person friend = world.newNamed(where);
        Thing thing = world.newThing();
        prose.tell("One " + day() + " a letter came.");
        String[] asks = {
            "Dear {1!}, please come to {2} and bring {3a}. Your friend {4!}.",
            "Dear {1!}, I wait for you {2at}. Do you have {3a}? Your friend {4!}.",
            "Dear {1!}, I am {2at} and I need {3a}. Please help me. Your friend {4!}."
        };
        String says = dice.pick(List.of(asks));
        prose.tell("It said: \"" + says + "\"", hero, where, thing, friend);
        world.fact(Relation.WROTE, friend, null, null, hero, null);
        world.fact(Relation.NEEDED, friend, thing, null, null, thing.purpose());
        prose.tell(
                "{1n} read it [again|aloud|to {2p}]: \"{3=}\"", hero, mate, letter(says, hero, where, thing, friend));
        if (dice.chance(0.5)) {
            prose.tell("{1n} was " + Words.a(friend.trait() + " " + friend.kind()) + ".", friend);
            world.fact(Relation.WAS, friend, friend.kind(), null, null, null);
        }
        prose.paragraph();
        if (dice.chance(0.5)) moves.find(hero, thing, world.newPlace(), false);
        else prose.tell("{1n} took [the {2k} from the shelf|the {2k} out of a box|{2}].", hero, thing);
        moves.go(hero, where);
        world.meets(friend);
        prose.tell("\"[Here I am|I read your letter|Here is {3}], {2!},\" {1:said}.", hero, friend, thing);
        prose.tell("{1n} gave {2} to {3p}.", hero, thing, friend);
        world.fact(Relation.GAVE, hero, thing, null, friend, null);
        prose.tell("\"Now I can " + thing.purpose() + ",\" {1:said}.", friend);
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
    private void list() {
        List<Thing> wanted = new ArrayList<>();
        for (int i = dice.between(2, 4); i > 0; i--) wanted.add(world.newThing());
        String list = Words.and(wanted.stream().map(t -> Words.a(t.bare())).toList());
        Person sender = dice.chance(0.6) ? mate : visitor();
        prose.tell("\"[I need|Please bring me|Please find] {2},\" {1:said} to {3p}.", sender, list, hero);
        prose.tell("[All the way {1n} said|{1n} did not want to forget it and said], \"{2}.\"", hero, list);
        Place back = world.at.get(sender);
        if (dice.chance(0.5)) {
            Person seller = world.newNeighbour(world.newPlace());
            moves.meet(hero, seller);
            prose.tell("\"[Do you have|May I have] {2}?\" {1:asked}.", hero, list);
            prose.tell("\"[Of course|Here you are|Take it all], {2!},\" {1:said}.", seller, hero);
            for (Thing thing : wanted) world.fact(Relation.GAVE, seller, thing, null, hero, null);
        } else {
            for (Thing thing : wanted) {
                Place where = world.newPlace();
                prose.tell("{1p} found {2a} {3at}.", hero, thing, where);
                world.fact(Relation.FOUND, hero, thing, where, null, null);
                world.at.put(hero, where);
            }
        }
        if (back.equals(home)) homeward();
        else moves.go(hero, back);
        prose.tell("\"I have {2},\" {1:said}.", hero, list);
        prose.tell("\"[Thank you, {2!}|Well done, {2!}|You did not forget anything, {2!}],\" {1:said}.", sender, hero);
        moves.feel(sender, "happy", hero.name() + " forgot nothing");
    }

    private void noise() {
        Place where = world.newPlace();
        prose.tell("[One night|One evening|Late one day] {1} heard a [strange|loud|soft] noise {2at}.", hero, where);
        if (hero.trait().equals("brave")) prose.tell("{1} was brave and was not afraid.", hero);
        else moves.feel(hero, "afraid", hero.subject() + " heard the noise");
        moves.go(hero, where);
        Person other = world.newNamed(where);
        prose.tell("[But it was only|It was only] {1a}.", other);
        world.meets(other);
        world.fact(Relation.WAS, other, other.kind(), null, null, null);
        world.fact(Relation.MET, hero, other.kind(), where, other, null);
        Thing need = world.newThing();
        prose.tell("\"I [lost|cannot find] my {2k},\" {1:said}.", other, need);
        world.fact(Relation.LOST, other, need, null, null, null);
        prose.tell("\"I will help you, {2!},\" {1:said}.", hero, other);
        moves.find(hero, need, world.newPlace(), true);
        moves.go(hero, where);
        prose.tell("{1n} gave {2} to {3p}.", hero, need, other);
        world.fact(Relation.GAVE, hero, need, null, other, null);
        moves.thank(other, hero);
        moves.feel(other, "happy", other.subject() + " had " + need + " again");
    }

    private void quarrel() {
        Person other = visitor();
        Thing thing = world.newThing();
        Place where = world.newPlace();
        prose.tell("{1n} and {2p} went to {3}.", hero, other, where);
        world.at.put(hero, where);
        world.at.put(other, where);
        prose.tell("There they [found|saw] {1a}.", thing);
        prose.all();
        prose.tell("\"[It is mine|I saw it first]! I need it to " + thing.purpose() + ",\" {1:said}.", hero);
        prose.tell("\"[No, it is mine|No, I saw it first], {2!},\" {1:said}.", other, hero);
        moves.feel(other, "angry", hero.name() + " wanted " + thing);
        switch (dice.below(3)) {
            case 0 -> {
                Person judge = world.newNeighbour(where);
                prose.tell("{1a} heard them.", judge);
                world.meets(judge);
                prose.tell("\"Today {2!} may have it, and tomorrow {3!} may have it,\" {1:said}.", judge, other, hero);
            }
            case 1 -> prose.tell("\"[You may have it today|Take it first], {2!},\" {1:said}.", hero, other);
            default -> {
                prose.tell("Then {1n} had to laugh.", hero);
                prose.tell("\"We look like two [hens|cats|crows]. You take it, {2!},\" {1:said}.", hero, other);
            }
        }
        moves.give(hero, thing, other);
        moves.feel(other, "happy", other.subject() + " got " + thing);
    }

    private void birthday() {
        Person friend = other(hero);
        prose.tell("It was " + friend.owner() + " birthday.");
        if (world.meets(friend)) {
            prose.tell(
                    "{1n} was " + Words.a(friend.trait() + " " + friend.kind()) + " and lived {2at}.",
                    friend,
                    world.at.get(friend));
            world.fact(Relation.LIVED, friend, null, world.at.get(friend), null, null);
            world.fact(Relation.WAS, friend, friend.kind(), null, null, null);
        }
        Place there = world.at.get(friend);
        Thing gift = world.newThing();
        prose.tell("{1n} wanted to give {2a} to {3p}.", hero, gift, friend);
        if (dice.chance(0.5)) moves.find(hero, gift, world.newPlace(), true);
        else moves.get(hero, gift, other(friend));
        moves.go(hero, there);
        prose.tell("\"[This is for you|Happy birthday], {2!},\" {1:said}.", hero, friend);
        moves.give(hero, gift, friend);
        prose.tell("\"[How nice|What a gift]! Now I can " + gift.purpose() + ",\" {1:said}.", friend);
        moves.feel(friend, "happy", friend.subject() + " got " + gift);
    }

    /** Something is too heavy for one, two or three: each pulls the one before. */
    private void cart() {
        String heavy = dice.pick(Words.HEAVY);
        Place where = world.newPlace();
        openDay();
        moves.go(hero, where);
        prose.tell("There lay " + Words.a(dice.pick(List.of("big", "heavy", "old")) + " " + heavy) + ".");
        prose.tell("{1n} wanted to take it home.", hero);
        prose.tell("{1n} pulled the " + heavy + ", but it did not move.", hero);
        List<Person> pulling = new ArrayList<>(List.of(hero));
        int helpers = dice.weighted(0, 3, 2, 1);
        String chain = "{1p} pulled the " + heavy;
        for (int i = 1; i <= helpers; i++) {
            Person before = pulling.get(pulling.size() - 1);
            Person helper = world.newNamed(where);
            world.meets(helper);
            prose.tell("[Then {1a} came|{1a} came to help].", helper);
            world.fact(Relation.WAS, helper, helper.kind(), null, null, null);
            world.fact(Relation.PULLED, helper, heavy, null, before, null);
            pulling.add(helper);
            StringBuilder all = new StringBuilder();
            for (int p = pulling.size(); p > 1; p--) {
                all.append("{").append(p).append("p} pulled {").append(p - 1).append(p == 2 ? "p}, and " : "p}, ");
            }
            String end = i < helpers ? ", but it did not move." : ", and it moved!";
            prose.tell(all + chain + end, pulling.toArray());
        }
        prose.tell("\"[We did it|Together we are strong], {2!},\" {1:said}.", hero, pulling.get(helpers));
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

    private void joke() {
        Person friend = world.newNamed(world.newPlace());
        openDay();
        moves.meet(hero, friend);
        String why = "nobody laughed";
        prose.tell("{1n} [was|looked] [sad|bored|tired].", friend);
        for (int i = 0; i < 2; i++) {
            String[] joke = dice.pick(JOKES.subList(i * 6, i * 6 + 6));
            prose.tell("\"" + joke[0] + "?\" {1:asked}.", hero);
            prose.tell("\"[I do not know|I have no idea|Tell me], {2!},\" {1:said}.", friend, hero);
            prose.tell("\"" + joke[1] + "!\" {1:said}.", hero);
            prose.tell(
                    i == 0
                            ? "{1n} [only smiled|smiled a little|did not laugh]."
                            : "{1n} laughed [and laughed|so much that the birds flew up].",
                    friend);
            why = hero.name() + " told a joke";
        }
        moves.feel(friend, "happy", why);
    }

    private void race() {
        Person friend = visitor();
        Place goal = world.newPlace();
        prose.tell("\"[Let us run|I will be the first] to {2}, {3!}!\" {1:cried}.", friend, goal, hero);
        prose.tell("\"One, two, three, go!\" {1:said}.", hero);
        Person winner = dice.chance(0.5) ? hero : friend;
        Person slow = winner.equals(hero) ? friend : hero;
        prose.tell("{1n} stopped to [smell a flower|look at a snail|drink some water|rest a little|eat a plum].", slow);
        prose.tell("{1n} did not stop and was the first {2at}.", winner, goal);
        world.at.put(hero, goal);
        world.at.put(friend, goal);
        world.fact(Relation.WON, winner, null, goal, slow, null);
        prose.tell("\"[You are fast|You won|Well done], {2!},\" {1:said}.", slow, winner);
        moves.feel(winner, dice.pick(List.of("proud", "happy")), winner.subject() + " was first");
        if (dice.chance(0.4)) {
            moves.feel(slow, dice.pick(List.of("tired", "sad", "angry")), slow.subject() + " was late");
            prose.tell("\"Tomorrow we can run again, {2!},\" {1:said}.", winner, slow);
        }
    }

    /** A recipe: counts of several ingredients, and all of it into the pot. */
    private void soup() {
        Person cook = mate;
        String dish = dice.pick(List.of("soup", "stew", "salad"));
        List<Group> parts = new ArrayList<>();
        for (int i = dice.between(2, 3); i > 0; i--) parts.add(world.newGroup(Words.FOODS, 1, 6));
        String list = Words.and(parts.stream().map(Group::toString).toList());
        prose.tell("{1n} wanted to make " + dish + ".", cook);
        prose.tell("\"We need {2}, {3!},\" {1:said}.", cook, list, hero);
        for (Group part : parts) {
            Place where = world.newPlace();
            prose.tell("{1p} found {2=} {3at}.", hero, part, where);
            world.fact(Relation.GATHERED, hero, part, where, null, "the pot");
            world.at.put(hero, where);
        }
        homeward();
        prose.tell("[Into the pot went {2}|They put {2} into the pot].", hero, list);
        prose.all();
        prose.tell("\"[What a good|This is good] " + dish + ", {2!},\" {1:said}.", hero, cook);
        moves.feel(cook, "happy", "the " + dish + " was good");
    }

    /** One thing for another, and that for a third. */
    private void swap() {
        List<Thing> had = new ArrayList<>(List.of(world.newThing()));
        prose.tell("{1n} had {2a}.", hero, had.get(0));
        for (int i = dice.between(1, 2); i > 0; i--) {
            Thing old = had.get(had.size() - 1);
            Thing better = world.newThing();
            Person trader = world.newPerson();
            moves.meet(hero, trader);
            prose.tell("\"[Give me your {2k} for|I like your {2k}. Take] {3a},\" {1:said}.", trader, old, better);
            prose.tell("{1n} gave {2} to {3p}, and {3p} gave {4} to {1p}.", hero, old, trader, better);
            world.fact(Relation.GAVE, hero, old, null, trader, null);
            world.fact(Relation.GAVE, trader, better, null, hero, null);
            had.add(better);
        }
        String chain = had.size() == 2 ? "First {2a}, and now {3a}" : "First {2a}, then {3a}, and now {4a}";
        Object[] all = new Object[1 + had.size()];
        all[0] = hero;
        for (int i = 0; i < had.size(); i++) all[i + 1] = had.get(i);
        prose.tell("\"" + chain + "!\" {1:said}.", all);
        Thing last = had.get(had.size() - 1);
        moves.feel(hero, dice.pick(List.of("happy", "surprised")), hero.subject() + " had " + last);
    }

    private void rain() {
        Place where = world.newPlace();
        Person friend = world.newNamed(where);
        prose.tell("One " + dice.pick(List.of("morning", "day", "evening")) + " it began to rain.");
        moves.go(hero, where);
        prose.tell("{1a} was there already.", friend);
        world.meets(friend);
        world.fact(Relation.MET, hero, friend.kind(), where, friend, null);
        world.fact(Relation.WAS, friend, friend.kind(), null, null, null);
        String fear = dice.pick(List.of("the thunder was loud", "the wind was cold", "it was so dark"));
        moves.feel(friend, "afraid", fear);
        prose.tell("\"" + Words.capital(fear.replace("was", "is")) + ",\" {1:said}.", friend);
        Chant words = world.newChant(dice.between(3, 5));
        prose.tell("\"Say this with me, {2!}: {3}!\" {1:said}.", hero, friend, words);
        world.fact(Relation.SAID, hero, words, null, null, "magic words");
        prose.tell("{1n} said, \"{2}!\"", friend, words);
        prose.tell("They said it [until the rain stopped|again and again]: \"{1}! {1}!\"", words);
        prose.all();
        moves.feel(friend, "happy", "the sun came out");
    }

    /** Creatures that come or go are counted. */
    private void watch() {
        Person friend = visitor();
        Place where = world.newPlace();
        prose.tell("{1n} and {2p} sat {3at}.", hero, friend, where);
        world.at.put(hero, where);
        world.at.put(friend, where);
        Group some = world.newGroup(Words.CREATURES, 2, 8);
        prose.tell("\"I see {2},\" {1:said}.", friend, some);
        world.fact(Relation.SAW, friend, some, where, null, null);
        boolean come = dice.chance(0.5);
        Group more = some.of(dice.between(1, come ? Words.MOST - some.count() : some.count() - 1));
        prose.tell("Then {1} " + (come ? "came" : "went away") + ".", more);
        Group now = some.of(come ? some.count() + more.count() : some.count() - more.count());
        prose.tell(
                "\"{2#=} " + (come ? "and {3#=} make" : "less {3#=} is") + " {4#=},\" {1:said}.",
                hero,
                some,
                more,
                now);
        prose.tell("Now there were {1=}.".replace("were", now.count() == 1 ? "was" : "were"), now);
        world.fact(Relation.LEFT, hero, now, null, null, "watch");
        prose.all();
        moves.feel(hero, dice.pick(List.of("happy", "proud")), hero.subject() + " could count");
    }

    /** Sums at school. */
    private void lesson() {
        Person teacher = world.newNeighbour(world.newPlace());
        moves.meet(hero, teacher);
        int right = 0;
        for (int i = dice.between(2, 3); i > 0; i--) {
            boolean plus = dice.chance(0.5);
            int a = dice.between(plus ? 1 : 2, plus ? 9 : 12);
            int b = dice.between(1, plus ? Math.min(9, Words.MOST - a) : a - 1);
            String sum = Words.number(a) + (plus ? " and " : " less ") + Words.number(b);
            String result = Words.number(plus ? a + b : a - b);
            prose.tell("\"[How many are|What is] " + sum + "?\" {1:asked}.", teacher);
            prose.tell(
                    "\"{2=} [make|makes] {3=},\" {1:said}.".replace("[make|makes]", plus ? "make" : "is"),
                    hero,
                    sum,
                    result);
            right++;
        }
        prose.tell("\"[Very good|That is right|You can count well], {2!},\" {1:said}.", teacher, hero);
        Group prize = world.newGroup(Words.FOODS, right, right);
        prose.tell("{1n} gave {2} to {3p}.", teacher, prize, hero);
        world.fact(Relation.GAVE, teacher, prize, null, hero, null);
        moves.feel(hero, dice.pick(List.of("proud", "happy")), "all the answers were right");
    }

    private void message() {
        openDay();
        Person sender = world.anyone(hero);
        Person receiver = world.newNeighbour(world.newPlace());
        moves.meet(hero, sender);
        Thing thing = world.newThing();
        Place lies = world.newPlace();
        String news = Words.a(thing.bare()) + " is " + lies.at();
        Place there = world.at.get(receiver);
        prose.tell("\"Please go to {2p} {3at} and say: {4},\" {1:said}.", sender, receiver, there, news);
        prose.tell("All the way {1n} said, \"{2}.\"", hero, news);
        moves.go(hero, there);
        world.meets(receiver);
        world.fact(Relation.MET, hero, receiver.kind(), there, receiver, null);
        prose.tell("\"{3}, {2!},\" {1:said}.", hero, receiver, news);
        prose.tell("\"Thank you, {2!}! I need it to " + thing.purpose() + ",\" {1:said}.", receiver, hero);
        world.fact(Relation.NEEDED, receiver, thing, null, null, thing.purpose());
        moves.find(receiver, thing, lies, true);
        moves.feel(receiver, "happy", receiver.subject() + " found " + thing);
    }

    /** Words are repeated by one after another. */
    private void echo() {
        Person friend = visitor();
        prose.tell("\"[Let us play echo|Be my echo|You are my echo today], {2!},\" {1:said}.", friend, hero);
        for (int i = dice.between(1, 2); i > 0; i--) {
            String words = String.join(", ", dice.several(Words.NOUNS, dice.between(4, 8)));
            prose.tell("\"Say after me: {2}!\" {1:said}.", friend, words);
            prose.tell("\"I say: {2}!\" {1:said}.", hero, words);
        }
        prose.tell("\"[That was right|Well done|You are a good echo], {2!},\" {1:said}.", friend, hero);
        moves.feel(hero, dice.pick(List.of("proud", "happy")), hero.subject() + " was a good echo");
    }

    /** Something breaks, and the truth is confessed. */
    private void sorry() {
        Thing thing = world.newThing();
        prose.tell("{1n} had {2a}.", mate, thing);
        prose.tell("One " + day() + " {1n} [played with {2}|took {2} to play], and it broke.", hero, thing);
        moves.feel(hero, dice.pick(List.of("afraid", "sad", "worried")), thing + " broke");
        if (dice.chance(0.4)) prose.tell("{1} hid {2} under the bed.", hero, thing);
        prose.tell("\"[Where is my {2k}|Who broke my {2k}|What is wrong], {3!}?\" {1:asked}.", mate, thing, hero);
        prose.tell("\"[I broke {2}. I am sorry|It was me. I am so sorry], {3!},\" {1:said}.", hero, thing, mate);
        prose.tell("{1n} [was not angry|only smiled].", mate);
        prose.tell(
                "\"[You told me the truth|The truth is worth more than a {3k}], {2!},\" {1:said}.", mate, hero, thing);
        if (dice.chance(0.5)) prose.tell("Together they mended {1}.", thing);
        prose.all();
        moves.feel(hero, dice.pick(List.of("happy", "proud")), hero.subject() + " told the truth");
    }

    /** A friend is ill, and is brought something good. */
    private void ill() {
        Person friend = other(hero);
        if (world.meets(friend)) {
            prose.tell("{1n} had a friend, {2n}, " + Words.a(friend.trait() + " " + friend.kind()) + ".", hero, friend);
            world.fact(Relation.WAS, friend, friend.kind(), null, null, null);
        }
        prose.tell("One " + day() + " {1n} was ill.", friend);
        Place there = world.at.get(friend);
        Group food = world.newGroup(Words.FOODS, 2, 9);
        if (dice.chance(0.5)) {
            prose.tell("\"Take {2} to {3p},\" {1:said}.", mate, food, friend);
        } else {
            moves.gather(hero, food, world.newPlace());
        }
        moves.go(hero, there);
        prose.tell("{1n} was in bed.", friend);
        prose.tell("\"[I have something for you|Here are {3}], {2!},\" {1:said}.", hero, friend, food);
        prose.tell("{1n} gave {2} to {3p}.", hero, food, friend);
        world.fact(Relation.GAVE, hero, food, null, friend, null);
        Group eaten = food.of(dice.between(1, food.count() - 1));
        Group left = food.of(food.count() - eaten.count());
        prose.tell("{1} ate {2}, and {3=} " + (left.count() == 1 ? "was" : "were") + " left.", friend, eaten, left);
        prose.tell("\"[Now I feel better|I will be well soon|You are a good friend], {2!},\" {1:said}.", friend, hero);
        moves.feel(friend, "happy", hero.name() + " came");
    }

    /** A wish comes true. */
    private void star() {
        Thing wish = world.newThing();
        prose.tell("One [cold|warm|clear] night {1n} saw a star fall.", hero);
        prose.tell("\"You have a wish, {2!},\" {1:said}.", mate, hero);
        prose.tell("\"I wish for {2a},\" {1:said}.", hero, wish);
        prose.tell("\"What for?\" {1:asked}.", mate);
        prose.tell("\"I want to " + wish.purpose() + ",\" {1:said}.", hero);
        prose.paragraph();
        Place where = world.newPlace();
        prose.tell("[In the morning|The next day] {1n} [went out|could not sit still|felt like a walk].", hero);
        moves.find(hero, wish, where, true);
        if (dice.chance(0.5)) {
            Person giver = world.newNeighbour(where);
            prose.tell("{1n} was there.", giver);
            world.meets(giver);
            world.fact(Relation.MET, hero, giver.kind(), where, giver, null);
            prose.tell("\"[You may keep it|It fell from the sky], {2!},\" {1:said}.", giver, hero);
        }
        moves.feel(hero, dice.pick(List.of("happy", "surprised")), hero.subject() + " had " + wish);
    }

    /** Goes home. */
    void homeward() {
        if (home.equals(world.at.put(hero, home))) return;
        prose.tell("[|Then ]{1p} [went|ran|walked] home.", hero);
    }

    /** Another named person, elsewhere. */
    private Person other(Person than) {
        List<Person> known = world.elsewhere(hero).stream()
                .filter(p -> p.named() && !p.equals(than))
                .toList();
        return !known.isEmpty() && dice.chance(0.5) ? dice.pick(known) : world.newNamed(world.newPlace());
    }

    /** A named person who is where the hero is, or comes there. */
    private Person visitor() {
        Place here = world.at.get(hero);
        for (Person p : world.cast) {
            if (!p.equals(hero) && p.named() && world.isKnown(p) && here.equals(world.at.get(p))) return p;
        }
        Person guest = world.newNamed(here);
        prose.tell("One " + day() + " {1a} came to [see|visit] {2p}.", guest, hero);
        world.meets(guest);
        world.fact(Relation.WAS, guest, guest.kind(), null, null, null);
        return guest;
    }

    private static String day() {
        return "[sunny|windy|cold|warm|foggy] [morning|day|afternoon|evening]";
    }

    private void openDay() {
        if (dice.chance(0.8)) {
            prose.tell(
                    "One " + day() + " {1} [went out|felt like a walk|wanted to see the world|could not sit still].",
                    hero);
        }
        if (dice.chance(0.3)) {
            prose.tell(
                    "[The sun was warm|The grass was wet|The birds sang|Bees hummed in the flowers|A soft wind blew|The"
                            + " sky was blue|It smelled of hay|The road was dusty|Far away a bell rang].");
        }
    }
}
