package org.llminspector.checkpoint;

import java.nio.file.Path;
import java.util.Map;
import org.llminspector.base.FileBytes;
import org.llminspector.base.Tensor;

/** WeightSource is one open file of named tensors, whatever its format. */
interface WeightSource extends AutoCloseable {

    Path path();

    /** Every tensor by name, in the order of their bytes in the file. */
    Map<String, TensorInfo> tensors();

    /** A tensor of {@link #tensors}, decoded where the file holds it in blocks. */
    Tensor tensor(String name);

    /** Rows [from, to) of a matrix. */
    default Tensor rows(String name, int from, int to) {
        return tensor(name).rows(from, to);
    }

    /** The file's bytes, where they are read for as long as the model is open. */
    FileBytes bytesOfFile();

    @Override
    void close();
}
