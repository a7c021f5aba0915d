package org.llminspector.tales.plot;

import java.util.List;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.tales.words.Fact.Relation;
import org.llminspector.tales.words.Person;
import org.llminspector.tales.words.Place;

/** A story's state and its main characters, with the steps of plots that are about the hero. */
class Scene {

    final World world;
    final ChoiceSource dice;
    final Prose prose;
    final PlotSteps moves;
    final Person hero;
    final Person mate;
    final Place home;

    /** @param mate the family member at home */
    Scene(World world, PlotSteps moves, Person hero, Person mate, Place home) {
        this.world = world;
        this.dice = world.dice;
        this.prose = world.prose;
        this.moves = moves;
        this.hero = hero;
        this.mate = mate;
        this.home = home;
    }

    /** The same scene. */
    Scene(Scene scene) {
        this(scene.world, scene.moves, scene.hero, scene.mate, scene.home);
    }

    /** Goes home. */
    void homeward() {
        if (home.equals(world.at.put(hero, home))) return;
        prose.write("[|Then ]{1p} [went|ran|walked] home.", hero);
    }

    /** Another named person, elsewhere. */
    Person other(Person than) {
        List<Person> known = world.elsewhere(hero).stream()
                .filter(p -> p.named() && !p.equals(than))
                .toList();
        return !known.isEmpty() && dice.chance(0.5) ? dice.pick(known) : world.newNamed(world.newPlace());
    }

    /** A named person who is where the hero is, or comes there. */
    Person visitor() {
        Place here = world.at.get(hero);
        for (Person p : world.cast) {
            if (!p.equals(hero) && p.named() && world.isKnown(p) && here.equals(world.at.get(p))) return p;
        }
        Person guest = world.newNamed(here);
        prose.write("One " + day() + " {1a} came to [see|visit] {2p}.", guest, hero);
        world.meets(guest);
        world.fact(Relation.WAS, guest, guest.kind(), null, null, null);
        return guest;
    }

    static String day() {
        return "[sunny|windy|cold|warm|foggy] [morning|day|afternoon|evening]";
    }

    void openDay() {
        if (dice.chance(0.8)) {
            prose.write(
                    "One " + day() + " {1} [went out|felt like a walk|wanted to see the world|could not sit still].",
                    hero);
        }
        if (dice.chance(0.3)) {
            prose.write(
                    "[The sun was warm|The grass was wet|The birds sang|Bees hummed in the flowers|A soft wind blew|The"
                            + " sky was blue|It smelled of hay|The road was dusty|Far away a bell rang].");
        }
    }
}
