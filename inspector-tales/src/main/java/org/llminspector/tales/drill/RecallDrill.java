package org.llminspector.tales.drill;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.llminspector.tales.drill.CopyingDrills.Game;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.tales.words.Group;
import org.llminspector.tales.words.Place;
import org.llminspector.tales.words.Thing;
import org.llminspector.tales.words.Words;
import org.llminspector.train.Corpus.Span;

/**
 * Document of a hero's events, followed by all the questions about them that the family at home asks. An event is
 * stated as briefly as possible ("key Otto"), in a sentence, or as in a story; people met and gifts have to be kept
 * apart.
 */
public final class RecallDrill {

    /** The kind of event. */
    private enum Kind {
        MET,
        HAS,
        GAVE,
        COUNTED,
        FOUND
    }

    /**
     * One event: a person met at a place, who has or gave a thing; or a number of things, or one thing, found at a
     * place.
     */
    private record Event(Kind kind, Place place, Thing thing, Group group, String person) {}

    /** How an event is stated, from fewest words to a story's. */
    private enum Telling {
        BARE,
        SENTENCES,
        STORY
    }

    /** Approximate characters of a document: one fills a sequence of 256 tokens. */
    private static final int LONG = 550;

    private static final List<String> FAMILY =
            Stream.concat(Words.WOMEN.stream(), Words.MEN.stream()).toList();

    private final ChoiceSource dice;
    private final StringBuilder text = new StringBuilder("At home.");
    private final List<Span> determined = new ArrayList<>();
    private final List<String> names;
    private final List<String> trades;
    private final List<Place> places;
    private final List<Thing> things;
    private final int[] kinds;
    private final double recalled;
    private String hero;
    private String mate;

    private RecallDrill(ChoiceSource dice, int[] kinds, double recalled) {
        this.dice = dice;
        this.kinds = kinds;
        this.recalled = recalled;
        this.names = new ArrayList<>(dice.several(Words.NAMES, Words.NAMES.size()));
        this.trades = new ArrayList<>(dice.several(Words.TRADES, Words.TRADES.size()));
        this.places = new ArrayList<>(dice.several(Words.PLACES, Words.PLACES.size()));
        this.things = new ArrayList<>(dice.several(Words.THINGS, Words.THINGS.size()));
    }

    /**
     * Rounds of events and questions.
     *
     * @param kinds weights of the kinds of event
     * @param recalled of rounds that are not stories, the share whose answers are stated as briefly as possible
     * @param bare weight of rounds stated as briefly as possible; sentences and story: weights of the others
     */
    public static Game of(ChoiceSource dice, int[] kinds, double recalled, int bare, int sentences, int story) {
        RecallDrill all = new RecallDrill(dice, kinds, recalled);
        do {
            all.round(Telling.values()[dice.weighted(bare, sentences, story)]);
        } while (all.text.length() < LONG && all.places.size() > 6 && all.things.size() > 6);
        return new Game(all.text.toString(), List.copyOf(all.determined));
    }

    private void round(Telling telling) {
        hero = names.remove(0);
        mate = dice.pick(FAMILY);
        List<Event> events;
        text.append(telling == Telling.BARE ? "\n" : "\n\n");
        if (telling == Telling.STORY && dice.chance(0.6)) {
            events = swaps();
        } else {
            events = several(telling == Telling.BARE ? dice.between(2, 6) : dice.between(2, 4));
            if (telling == Telling.BARE) {
                text.append(
                        String.join(", ", events.stream().map(RecallDrill::bare).toList()));
            } else {
                List<String> told = new ArrayList<>();
                for (Event e : events) told.add(telling == Telling.SENTENCES ? sentence(e) : story(e));
                text.append(String.join(" ", told));
            }
        }
        List<Event> asked = dice.several(events, events.size());
        boolean bare = telling != Telling.STORY && dice.chance(recalled);
        if (!bare) {
            text.append(telling == Telling.BARE ? "\n" : "\n\n").append(hero).append(" went home.");
        }
        for (Event e : asked) {
            if (bare) recall(e);
            else ask(e);
        }
    }

    /** Events of one kind, so that it is clear what is asked for. */
    private List<Event> several(int count) {
        Kind kind = Kind.values()[dice.weighted(kinds)];
        List<Group> groups = dice.several(
                Stream.of(Words.FOODS, Words.FINDS).flatMap(List::stream).toList(), count);
        return IntStream.range(0, count)
                .mapToObj(i -> new Event(
                        kind,
                        places.remove(0),
                        things.remove(0),
                        groups.get(i).of(dice.between(1, 9)),
                        kind == Kind.COUNTED || kind == Kind.FOUND ? "" : anyone()))
                .toList();
    }

    private String anyone() {
        return trades.size() > 4 && dice.chance(0.25) ? "the " + trades.remove(0) : names.remove(0);
    }

    private static String bare(Event e) {
        return switch (e.kind) {
            case MET -> e.place.noun() + " " + e.person;
            case HAS -> e.thing.noun() + " " + e.person;
            case GAVE -> e.person + " " + e.thing.noun();
            case COUNTED -> e.group.toString();
            case FOUND -> e.thing.noun() + " " + e.place.noun();
        };
    }

    private void recall(Event e) {
        text.append('\n');
        switch (e.kind) {
            case MET -> known(e.place.noun() + " ", e.person);
            case HAS, GAVE -> known(e.thing.noun() + " ", e.person);
            case COUNTED -> known(e.group.many() + " ", Words.number(e.group.count()));
            case FOUND -> known(e.thing.noun() + " ", e.place.noun());
        }
    }

    private String sentence(Event e) {
        return switch (e.kind) {
            case MET ->
                dice.chance(0.5)
                        ? hero + " met " + e.person + " " + e.place.at() + "."
                        : Words.capital(e.place.at()) + " " + hero + " met " + e.person + ".";
            case HAS -> hero + " gave " + e.thing + " to " + e.person + ".";
            case GAVE -> Words.capital(e.person) + " gave " + e.thing + " to " + hero + ".";
            case COUNTED -> hero + " found " + e.group + " " + e.place.at() + ".";
            case FOUND -> hero + " found " + e.thing + " " + e.place.at() + ".";
        };
    }

    private String story(Event e) {
        return switch (e.kind) {
            case MET -> goes(e.place) + meets(e.person);
            case HAS -> goes(e.place) + meets(e.person) + " " + hero + " gave " + e.thing + " to " + e.person + ".";
            case GAVE -> goes(e.place) + meets(e.person) + " " + sentence(e);
            case COUNTED -> goes(e.place) + " There " + hero + " found " + e.group + ".";
            case FOUND ->
                goes(e.place) + " There " + hero + " found "
                        + Words.a(looks(e.thing).bare()) + ".";
        };
    }

    private String goes(Place where) {
        return hero + " " + dice.pick(List.of("walked", "went", "ran")) + " to " + where + ".";
    }

    private String meets(String person) {
        if (person.startsWith("the ")) return " There " + hero + " met " + person + ".";
        String kind = dice.chance(0.3) ? (Words.GIRLS.contains(person) ? "girl" : "boy") : dice.pick(Words.ANIMALS);
        String who = Words.a(dice.pick(Words.TRAITS) + " " + kind);
        return switch (dice.weighted(3, 2, 2)) {
            case 0 -> " There " + hero + " met " + who + " named " + person + ".";
            case 1 -> " " + Words.capital(who) + " named " + person + " was sitting there.";
            default ->
                " There " + hero + " saw " + who + ". \"Who are you?\" asked " + hero + ". \"I am " + person
                        + ",\" said the " + kind + ".";
        };
    }

    private Thing looks(Thing thing) {
        return new Thing(dice.pick(Words.THING_ADJECTIVES), thing.noun(), thing.purpose());
    }

    /** One to three swaps of a thing for another, each at another place with another person. */
    private List<Event> swaps() {
        int count = dice.weighted(0, 1, 3, 1);
        List<Event> events = new ArrayList<>();
        Thing old = looks(things.remove(0));
        text.append(hero).append(" had ").append(Words.a(old.bare())).append('.');
        for (int i = 0; i < count; i++) {
            String trader = anyone();
            Place where = places.remove(0);
            Thing better = looks(things.remove(0));
            text.append(' ').append(goes(where)).append(meets(trader));
            boolean asks = dice.chance(0.5);
            text.append(asks ? " \"Give me your " : " \"I like your ")
                    .append(old.noun())
                    .append(asks ? " for " : ". Take ")
                    .append(Words.a(better.bare()))
                    .append(",\" said ")
                    .append(trader)
                    .append('.');
            text.append(' ').append(hero).append(" gave ");
            known("", old.toString());
            text.append(" to ");
            known("", trader);
            text.append(", and ");
            known("", trader);
            text.append(" gave ");
            known("", better.toString());
            text.append(" to ").append(hero).append('.');
            events.add(new Event(Kind.MET, where, null, null, trader));
            events.add(new Event(Kind.HAS, null, old, null, trader));
            events.add(new Event(Kind.GAVE, null, better, null, trader));
            old = better;
        }
        return events;
    }

    private void ask(Event e) {
        text.append(" \"")
                .append(
                        switch (e.kind) {
                            case MET -> "Who did you meet " + e.place.at();
                            case HAS -> "Who has " + e.thing + " now";
                            case GAVE -> "Who gave you " + e.thing;
                            case COUNTED -> "How many " + e.group.many() + " did you find";
                            case FOUND -> "Where did you find " + e.thing;
                        })
                .append("?\" asked ")
                .append(mate)
                .append(". \"");
        known(
                "",
                Words.capital(
                        switch (e.kind) {
                            case MET, HAS, GAVE -> e.person;
                            case COUNTED -> e.group.toString();
                            case FOUND -> e.place.at();
                        }));
        text.append(e.kind == Kind.HAS ? " has it,\" said " : ",\" said ")
                .append(hero)
                .append('.');
    }

    /** Writes {@code before}, then words that follow from the text so far. */
    private void known(String before, String words) {
        text.append(before);
        determined.add(new Span(text.length(), text.length() + words.length()));
        text.append(words);
    }
}
