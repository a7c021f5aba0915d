package org.llminspector.train;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.llminspector.engine.Learner;

/**
 * Modular addition, the task of Power et al. 2022 (grokking): a + b modulo p, trained full-batch on a share of all
 * pairs. The rest is held out; memorising alone fails on it.
 *
 * <p>A sequence is {@code a b = c}; the numbers are tokens 0 to p - 1 and {@code =} is token p.
 */
final class ModularAddition implements Objective {

    private final List<Batches.Example> train;
    private final List<Batches.Example> heldOut;
    private long updates;

    /**
     * @param share of the pairs used for training
     * @param seed of the split
     */
    ModularAddition(int modulus, double share, long seed) {
        List<Batches.Example> all = new ArrayList<>();
        for (int a = 0; a < modulus; a++) {
            for (int b = 0; b < modulus; b++) {
                all.add(Batches.Example.from(new int[] {a, b, modulus, (a + b) % modulus}, 3));
            }
        }
        Collections.shuffle(all, new Random(seed));
        int n = (int) Math.round(share * all.size());
        this.train = List.copyOf(all.subList(0, n));
        this.heldOut = List.copyOf(all.subList(n, all.size()));
    }

    /** Vocabulary size: the numbers and the equals sign. */
    static int vocabulary(int modulus) {
        return modulus + 1;
    }

    @Override
    public Measure accumulate(Learner learner, long step) {
        updates++;
        return Batches.accumulate(learner, train, train.size());
    }

    @Override
    public Measure validate(Learner learner) {
        return Batches.score(learner, heldOut, heldOut.size());
    }

    @Override
    public TokenStream.Place place() {
        return TokenStream.Place.at(updates);
    }

    @Override
    public void goTo(TokenStream.Place place) {
        updates = place.nextDocument();
    }
}
