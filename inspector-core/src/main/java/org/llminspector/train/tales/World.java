package org.llminspector.train.tales;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** World is one story's state: who is where, what has been told, and what has not been used up yet. */
final class World {

    final Dice dice;
    final Prose prose;
    final List<Fact> facts = new ArrayList<>();
    final List<Person> cast = new ArrayList<>();
    final List<Place> places = new ArrayList<>();
    final Map<Person, Place> at = new HashMap<>();
    private final Set<Person> met = new HashSet<>();
    private final Set<String> used = new HashSet<>();

    World(Dice dice) {
        this.dice = dice;
        this.prose = new Prose(dice);
    }

    /** Somewhere the story has not been yet. */
    Place newPlace() {
        Place bare = dice.pick(left(Words.PLACES, Place::noun));
        Place place = new Place(bare.preposition(), dice.pick(Words.PLACE_ADJECTIVES), bare.noun());
        used.add(place.noun());
        places.add(place);
        return place;
    }

    /** An object the story has not spoken of yet. */
    Thing newThing() {
        Thing bare = dice.pick(left(Words.THINGS, Thing::noun));
        used.add(bare.noun());
        return new Thing(dice.pick(Words.THING_ADJECTIVES), bare.noun(), bare.purpose());
    }

    Group newGroup(List<Group> sorts, int least, int most) {
        Group sort = dice.pick(left(sorts, Group::many));
        used.add(sort.many());
        return sort.of(dice.between(least, most));
    }

    /** A child or an animal, with a name: half of the names are nobody else's. */
    Person newNamed(Place where) {
        boolean child = dice.chance(0.35);
        boolean she = dice.chance(0.5);
        String kind = child ? (she ? "girl" : "boy") : dice.pick(left(Words.ANIMALS, k -> k));
        if (!child) used.add(kind);
        return enter(new Person(newName(she), true, kind, dice.pick(Words.TRAITS), she), where);
    }

    /** A neighbour known by what they do. */
    Person newNeighbour(Place where) {
        String kind = dice.pick(left(Words.TRADES, k -> k));
        used.add(kind);
        return enter(new Person("the " + kind, false, kind, dice.pick(Words.AGES), dice.chance(0.5)), where);
    }

    /** Somebody new, either sort. */
    Person newPerson(Place where) {
        return dice.chance(0.7) ? newNamed(where) : newNeighbour(where);
    }

    /** Somebody elsewhere whom the hero knows already, or somebody new. */
    Person somebody(Person hero) {
        List<Person> known = elsewhere(hero);
        return !known.isEmpty() && dice.chance(0.35) ? dice.pick(known) : newPerson(newPlace());
    }

    /** Whom the reader knows, and who is not where the hero is. */
    List<Person> elsewhere(Person hero) {
        return cast.stream()
                .filter(p -> met.contains(p) && !p.equals(hero) && !at.get(p).equals(at.get(hero)))
                .toList();
    }

    Chant newChant(int words) {
        List<String> parts = new ArrayList<>();
        for (int i = 0; i < words; i++) parts.add(Words.nonsense(dice, 1 + dice.weighted(1, 3, 1)));
        return new Chant(parts);
    }

    /** Whether the reader knows them; from now on the reader does. */
    boolean meets(Person p) {
        return met.add(p);
    }

    boolean isKnown(Person p) {
        return met.contains(p);
    }

    void fact(Fact.Relation relation, Person who, Object what, Place where, Person other, String detail) {
        facts.add(new Fact(relation, who, what, where, other, detail));
    }

    private Person enter(Person p, Place where) {
        cast.add(p);
        at.put(p, where);
        return p;
    }

    private String newName(boolean she) {
        while (true) {
            String name = dice.chance(0.55)
                    ? Words.capital(Words.nonsense(dice, 2 + dice.weighted(2, 5, 1)))
                    : dice.pick(she ? Words.GIRLS : Words.BOYS);
            if (used.add(name)) return name;
        }
    }

    private <T> List<T> left(List<T> all, java.util.function.Function<T, String> noun) {
        return all.stream().filter(x -> !used.contains(noun.apply(x))).toList();
    }
}
