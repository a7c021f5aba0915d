package org.llminspector.tales.plot;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.tales.words.Chant;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.tales.words.Fact;
import org.llminspector.tales.words.Group;
import org.llminspector.tales.words.Person;
import org.llminspector.tales.words.Person.Sort;
import org.llminspector.tales.words.Place;
import org.llminspector.tales.words.Thing;
import org.llminspector.tales.words.Words;

/** One story's state: where each person is, what has been mentioned, and what has not been used yet. */
final class World {

    final ChoiceSource dice;
    final Prose prose;
    final List<Fact> facts = new ArrayList<>();
    final List<Person> cast = new ArrayList<>();
    final List<Place> places = new ArrayList<>();
    final Map<Person, Place> at = new HashMap<>();
    private final Set<Person> met = new HashSet<>();
    private final Set<String> used = new HashSet<>();

    World(ChoiceSource dice) {
        this.dice = dice;
        this.prose = new Prose(dice, new WordAlternatives(used, places));
    }

    /** The place of the hero's house. */
    Place newHome() {
        return take(dice.pick(Words.HOMES));
    }

    /** A place not used in the story yet. */
    Place newPlace() {
        return take(dice.pick(left(Words.PLACES, Place::noun)));
    }

    private Place take(Place place) {
        used.add(place.noun());
        places.add(place);
        return place;
    }

    /** An object not used in the story yet. */
    Thing newThing() {
        Thing bare = dice.pick(left(Words.THINGS, Thing::noun));
        used.add(bare.noun());
        return new Thing(dice.pick(Words.THING_ADJECTIVES), bare.noun(), bare.purpose());
    }

    Group newGroup(List<Group> sorts, int least, int most) {
        Group sort = dice.pick(left(sorts, Group::many));
        used.add(sort.many());
        used.add(sort.one());
        return sort.of(dice.between(least, most));
    }

    /** A child or an animal, with a name. */
    Person newNamed(Place where) {
        boolean child = dice.chance(0.4);
        boolean she = dice.chance(0.5);
        String kind = child ? (she ? "girl" : "boy") : dice.pick(left(Words.ANIMALS, k -> k));
        if (!child) used.add(kind);
        String name = dice.pick(left(she ? Words.GIRLS : Words.BOYS, n -> n));
        used.add(name);
        return enter(new Person(name, Sort.NAMED, kind, dice.pick(Words.TRAITS), she), where);
    }

    Person newFamily(Place where) {
        boolean she = dice.chance(0.5);
        String name = dice.pick(she ? Words.WOMEN : Words.MEN);
        return enter(new Person(name, Sort.FAMILY, name, "kind", she), where);
    }

    /** A neighbour named by their trade. */
    Person newNeighbour(Place where) {
        String kind = dice.pick(left(Words.TRADES, k -> k));
        used.add(kind);
        return enter(new Person("the " + kind, Sort.NEIGHBOUR, kind, "busy", Words.HER_TRADES.contains(kind)), where);
    }

    /** A new person, elsewhere. */
    Person newPerson() {
        return dice.chance(0.55) ? newNamed(newPlace()) : newNeighbour(newPlace());
    }

    /** A person elsewhere whom the hero knows, or a new one. */
    Person anyone(Person hero) {
        List<Person> known = elsewhere(hero);
        return !known.isEmpty() && dice.chance(0.5) ? dice.pick(known) : newPerson();
    }

    /** People already introduced who are neither where the hero is nor at home. */
    List<Person> elsewhere(Person hero) {
        return cast.stream()
                .filter(p -> p.sort() != Sort.FAMILY
                        && met.contains(p)
                        && !p.equals(hero)
                        && !at.get(p).equals(at.get(hero)))
                .toList();
    }

    Chant newChant(int words) {
        return new Chant(dice.several(Words.MAGIC, words));
    }

    /** Marks a person as introduced; false where they already were. */
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

    private <T> List<T> left(List<T> all, java.util.function.Function<T, String> noun) {
        return all.stream().filter(x -> !used.contains(noun.apply(x))).toList();
    }
}
