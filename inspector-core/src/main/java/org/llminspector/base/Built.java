package org.llminspector.base;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks a record for which a builder is generated: {@code FooBuilder.builder().bar(1).build()}, and {@code
 * FooBuilder.builder(foo)} for a modified copy. Generated at compile time by the annotation processor record-builder;
 * no runtime dependency.
 */
@RecordBuilder.Template(
        options = @RecordBuilder.Options(enableWither = false, enableGetters = false, addStaticBuilder = false))
@Retention(RetentionPolicy.SOURCE)
@Target(ElementType.TYPE)
public @interface Built {}
