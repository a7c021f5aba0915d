package org.llminspector.hook;

import org.llminspector.spec.DeltaNet;
import org.llminspector.spec.Lightning;
import org.llminspector.spec.Mamba;
import org.llminspector.spec.Mamba2;
import org.llminspector.spec.Recurrent;
import org.llminspector.spec.RgLru;

/** What a hook of a recurrence shows: which recurrences have it, and its sizes. */
enum RecurrentPart {
    X("this layer has no state space model and no RG-LRU"),
    QUERY("this layer has no delta net and no lightning attention"),
    KEY("this layer has no delta net and no lightning attention"),
    VALUE("this layer has no delta net and no lightning attention"),
    B("this layer has no Mamba"),
    C("this layer has no Mamba"),
    DT("this layer has no Mamba"),
    BETA("this layer has no delta net"),
    DECAY("this layer has no recurrence"),
    STATE("this layer has no recurrence"),
    /** A value of each head, or of the stream. */
    OTHER("this layer has no recurrence");

    private final String absence;

    RecurrentPart(String absence) {
        this.absence = absence;
    }

    /** Why a layer lacks it. */
    String absence() {
        return absence;
    }

    boolean existsIn(Recurrent r) {
        return switch (this) {
            case X -> r instanceof Mamba || r instanceof Mamba2 || r instanceof RgLru;
            case B, C, DT -> r instanceof Mamba || r instanceof Mamba2;
            case QUERY, KEY, VALUE -> r instanceof DeltaNet || r instanceof Lightning;
            case BETA -> r instanceof DeltaNet;
            case DECAY, STATE, OTHER -> r != null;
        };
    }

    /** Size of an axis of heads or of the state; 0 where the layer has no recurrence. */
    long size(Axis axis, Recurrent r) {
        if (r == null) return 0;
        boolean ofKeys = this == B || this == C || this == QUERY || this == KEY;
        boolean byChannel = r instanceof Mamba || (r instanceof RgLru && this == DECAY);
        return switch (axis) {
            case HEAD -> ofKeys ? r.nKeyHeads() : r.nHeads();
            case D_HEAD -> (this == DECAY || this == DT) && !byChannel ? 1 : r.dHead();
            case D_STATE -> this != DECAY || r instanceof Mamba ? r.dState() : r instanceof DeltaNet d ? d.decays() : 1;
            default -> throw new IllegalArgumentException(axis + " is no axis of a recurrence");
        };
    }
}
