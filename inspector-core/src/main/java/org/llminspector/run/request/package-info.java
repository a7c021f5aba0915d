/** What a client asks for: runs, comparisons, sensitivity scans, branches. */
package org.llminspector.run.request;
