package org.llminspector.checkpoint;

import java.nio.file.Path;
import java.util.Map;
import org.llminspector.base.FileBytes;
import org.llminspector.base.Tensor;

/** An open file of named tensors, of any format. */
interface WeightSource extends AutoCloseable {

    Path path();

    /** Every tensor by name, in file order. */
    Map<String, TensorInfo> tensors();

    /** A tensor of {@link #tensors}, decoded if it is quantized. */
    Tensor tensor(String name);

    /** Rows [from, to) of a matrix. */
    default Tensor rows(String name, int from, int to) {
        return tensor(name).rows(from, to);
    }

    /** The file's memory, where it is read while the model is open. */
    FileBytes bytesOfFile();

    @Override
    void close();
}
