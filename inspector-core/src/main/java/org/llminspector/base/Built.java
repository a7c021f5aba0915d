package org.llminspector.base;

import io.soabase.recordbuilder.core.RecordBuilder;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Built is a record of many fields that has a builder: {@code FooBuilder.builder().bar(1).build()}, and {@code
 * FooBuilder.builder(foo)} for a copy with something else about it. The compiler writes it (record-builder, an annotation
 * processor); nothing of that is in the jar.
 */
@RecordBuilder.Template(
        options = @RecordBuilder.Options(enableWither = false, enableGetters = false, addStaticBuilder = false))
@Retention(RetentionPolicy.SOURCE)
@Target(ElementType.TYPE)
public @interface Built {}
