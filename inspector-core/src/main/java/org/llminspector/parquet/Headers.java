package org.llminspector.parquet;

import java.io.InputStream;
import org.apache.parquet.format.FileMetaData;
import org.apache.parquet.format.PageHeader;
import org.llminspector.base.Problem;
import shaded.parquet.org.apache.thrift.TBase;
import shaded.parquet.org.apache.thrift.TException;
import shaded.parquet.org.apache.thrift.protocol.TCompactProtocol;
import shaded.parquet.org.apache.thrift.protocol.TProtocolException;
import shaded.parquet.org.apache.thrift.protocol.TProtocolUtil;
import shaded.parquet.org.apache.thrift.protocol.TStruct;
import shaded.parquet.org.apache.thrift.transport.TIOStreamTransport;
import shaded.parquet.org.apache.thrift.transport.TTransport;

/** The file's and the pages' Thrift structures, read within limits: their lengths are whatever a file says. */
final class Headers {

    /** Longest string, in bytes. */
    private static final int STRING = 16 << 20;

    /** Most elements of a list, and structures of a footer: a hundred row groups of a thousand columns have 600,000. */
    private static final int MOST = 1 << 20;

    static {
        // Unknown structures within structures: the default has no limit but the stack.
        TProtocolUtil.setMaxSkipDepth(64);
    }

    private Headers() {}

    static FileMetaData footer(InputStream in) {
        return read(new FileMetaData(), in, "the footer cannot be read");
    }

    static PageHeader page(InputStream in) {
        return read(new PageHeader(), in, "a page's header cannot be read");
    }

    private static <T extends TBase<?, ?>> T read(T made, InputStream in, String what) {
        try {
            made.read(new Limited(new TIOStreamTransport(in)));
            return made;
        } catch (TException | RuntimeException e) {
            if (e instanceof Problem p) throw p;
            String found = String.valueOf(e.getMessage());
            throw Damage.of(
                            what,
                            "parquet.thrift's structure",
                            found.length() > 200 ? found.substring(0, 200) + "..." : found)
                    .causedBy(e);
        }
    }

    private static final class Limited extends TCompactProtocol {

        private int structures;

        Limited(TTransport in) {
            super(in, STRING, MOST);
        }

        @Override
        public TStruct readStructBegin() throws TException {
            if (++structures > MOST) throw new TProtocolException("more than " + MOST + " structures");
            return super.readStructBegin();
        }
    }
}
