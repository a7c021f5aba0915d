package org.llminspector.engine.onnx.graph;

/** Element type of a graph's value, with onnx.proto's numbers. */
public enum Type {
    FLOAT(1),
    UINT8(2),
    INT8(3),
    INT32(6),
    INT64(7),
    BOOL(9),
    FLOAT16(10),
    BFLOAT16(16);

    public final int number;

    Type(int number) {
        this.number = number;
    }

    /** Bytes of one element. */
    public int bytes() {
        return switch (this) {
            case UINT8, INT8, BOOL -> 1;
            case FLOAT16, BFLOAT16 -> 2;
            case FLOAT, INT32 -> 4;
            case INT64 -> 8;
        };
    }
}
